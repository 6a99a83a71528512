import { entry } from './entry.js';

/** Features: names, rights, and what is served online. */
export const features = {
  'unknown-feature': entry<{ name: string; suggestion?: string }>({
    blame: 'caller',
    status: 400,
    sqlstate: '42703',
    exit: 1,
    message: (p) => `there is no feature or feature service ${p.name}`,
    hint: (p) => (p.suggestion ? `did you mean ${p.suggestion}?` : 'GET /api/v2/features lists what there is'),
  }),
  'feature-masked': entry<{ feature: string; member: string }>({
    blame: 'caller',
    status: 403,
    sqlstate: '42501',
    exit: 1,
    message: (p) => `${p.feature} is made of ${p.member}, which is masked for your roles`,
    hint: () => 'ask for the features that are not made of it',
  }),
  'features-not-materialized': entry<{ service: string; why: string }>({
    blame: 'operator',
    status: 409,
    sqlstate: '55000',
    exit: 1,
    message: (p) => `${p.service} has no values to serve online: ${p.why}`,
    hint: (p) => `run \`assay features materialize ${p.service}\``,
  }),
  'features-schema-changed': entry<{ service: string; asked: string; now: string }>({
    blame: 'caller',
    status: 409,
    sqlstate: '55000',
    exit: 1,
    message: (p) => `${p.service} is another schema now (${p.now}) than the one that was asked for (${p.asked})`,
    hint: (p) =>
      `GET /api/v2/features/services/${p.service} gives its columns; retrain or adapt, then send the new fingerprint`,
  }),
  'features-lost': entry<{ service: string; version: string }>({
    blame: 'dependency',
    status: 503,
    sqlstate: '58030',
    exit: 1,
    message: (p) => `values of ${p.service} (version ${p.version}) are missing or damaged in the key-value store`,
    hint: (p) => `run \`assay features materialize ${p.service} --anew\``,
  }),
  'features-busy': entry<{ service: string }>({
    blame: 'operator',
    status: 409,
    sqlstate: '55P03',
    exit: 3,
    message: (p) => `${p.service} is being materialized by another process`,
    hint: () => 'wait until it is done; readers have the version before until then',
  }),
};
