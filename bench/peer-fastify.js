// A peer: Fastify that parses the JSON request and sends bytes made before.
import Fastify from 'fastify';

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const body = Buffer.concat(chunks);
const app = Fastify();
app.post('/', (_request, reply) => reply.header('content-type', 'application/json').send(body));
await app.listen({ port: 0, host: '127.0.0.1' });
process.stdout.write(`port ${app.server.address().port}\n`);
