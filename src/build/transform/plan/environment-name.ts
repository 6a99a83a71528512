import { error } from '../../../errors/index.js';

/** Schemas are called after it (`gold__pr_17`), and PostgreSQL keeps 63 letters of a name. */
const NAME = /^[a-z][a-z0-9_]{0,40}$/;

/** A name that an environment may have. Errors: `environment-invalid`. */
export const environmentName = (name: string): string => {
  if (!NAME.test(name)) throw error('environment-invalid', { environment: name });
  return name;
};
