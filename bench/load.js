// A load generator for one fixed request: raw sockets with keep-alive, so that the client costs less than any server.
// Run as a process of its own: node load.js PORT CONNECTIONS SECONDS < request bytes
import net from 'node:net';

const [port, connections, seconds] = process.argv.slice(2).map(Number);
const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const request = Buffer.concat(chunks);

const latencies = [];
let wrong = 0;
let counting = false;
if (!(port > 0)) throw new Error('no port was given');
const until = Date.now() + (seconds + 1) * 1000;
setTimeout(() => {
  counting = true;
}, 1000); // the first second warms up

const one = () =>
  new Promise((done) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    let rest = Buffer.alloc(0);
    let began;
    const send = () => {
      began = process.hrtime.bigint();
      socket.write(request);
    };
    socket.on('connect', send);
    socket.on('data', (chunk) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const head = rest.indexOf('\r\n\r\n');
      if (head < 0) return;
      const text = rest.toString('latin1', 0, head);
      let end;
      const length = /content-length: (\d+)/i.exec(text);
      if (length) end = head + 4 + Number(length[1]);
      else {
        const last = rest.indexOf('\r\n0\r\n\r\n', head); // chunked, ended
        if (last < 0) return;
        end = last + 7;
      }
      if (rest.length < end) return;
      rest = rest.subarray(end);
      if (!text.startsWith('HTTP/1.1 200')) wrong += 1;
      if (counting) latencies.push(Number(process.hrtime.bigint() - began) / 1e6);
      if (Date.now() < until) send();
      else {
        socket.end();
        done();
      }
    });
    socket.on('error', () => {
      wrong += 1;
      done();
    });
  });
await Promise.all(Array.from({ length: connections }, one));
latencies.sort((a, b) => a - b);
const at = (q) => latencies[Math.min(latencies.length - 1, Math.floor(q * latencies.length))];
process.stdout.write(JSON.stringify({ perSecond: latencies.length / seconds, p50: at(0.5), p99: at(0.99), wrong }));
