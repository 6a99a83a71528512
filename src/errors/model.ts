import { entry } from './entry.js';

interface Fault {
  readonly file: string;
  readonly line: number;
  readonly what: string;
}

/** The files of the semantic model. Every message names the file and the line. */
export const model = {
  'model-invalid': entry<Fault & { readonly others?: readonly Fault[] }>({
    blame: 'model',
    status: 500,
    sqlstate: 'F0000',
    exit: 1,
    message: (p) =>
      `${p.file}:${p.line}: ${p.what}${p.others?.length ? ` (and ${p.others.length} more: assay model check)` : ''}`,
    hint: () => 'mend the file; the model in use stays as it was',
  }),
  'unknown-member': entry<{ name: string; suggestion?: string }>({
    blame: 'caller',
    status: 400,
    sqlstate: '42703',
    exit: 1,
    message: (p) => `unknown member ${p.name}`,
    hint: (p) => (p.suggestion ? `did you mean ${p.suggestion}?` : 'GET /api/v1/catalog lists what there is'),
  }),
  'no-access': entry<Record<string, never>>({
    blame: 'caller',
    status: 403,
    sqlstate: '42501',
    exit: 1,
    message: () => 'none of your roles may see any view',
  }),
};
