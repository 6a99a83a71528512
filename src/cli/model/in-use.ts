import { AssayError, error } from '../../errors/index.js';
import { type CheckedModel, checkModel, type Fault, type LoadedModel } from '../../model/cube/index.js';
import { type Access, accessOf } from '../../model/policy/index.js';
import type { Caller, Emit } from '../../query/index.js';

/** A model as queries take it: its policies belong to it, so that a query keeps both. */
export type AskedModel = LoadedModel & { accessOf(caller: Caller): Access };

/** What became of the model's files; kept in the home for other processes. */
export interface ModelState {
  /** Of the model in use. */
  readonly version: string;
  /** How often the files were read since the start. */
  readonly attempt: number;
  /** Whether they are being read now. */
  readonly reading?: boolean;
  /** Why newer files are not in use; undefined when the files are. */
  readonly refused?: readonly Fault[];
  /** Columns and tables that the model in use names and the warehouse does not have. */
  readonly missing?: readonly Fault[];
}

export interface ModelInUse {
  current(): AskedModel;
  state(): ModelState;
  /**
   * Reads the files again and takes them into use when they hold a whole model; otherwise the one in use stays. Calls are done one
   * after the other. Gives whether another model is in use now. Errors: `model-invalid`.
   */
  reload(): Promise<boolean>;
  /** Asks the warehouse for what the model in use names. What is missing is told, and refuses nothing: tables may be built later. */
  prove(): Promise<void>;
}

export interface ModelParts {
  readonly dir: string;
  readonly first: LoadedModel;
  /** What the warehouse does not have of a model. */
  readonly prove: (model: LoadedModel) => Promise<readonly Fault[]>;
  /** Called after another model is in use. */
  readonly replaced: (model: LoadedModel) => Promise<void>;
  readonly told: (state: ModelState) => void;
  readonly emit: Emit;
}

const asked = (model: LoadedModel): AskedModel => ({
  ...model,
  accessOf: (caller) => accessOf(model.catalogue, caller),
});

/** Files that come and go while they are read are a fault like any other: the next change reads them again. */
const readFiles = async (dir: string): Promise<CheckedModel> => {
  try {
    return await checkModel(dir);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (thrown instanceof AssayError || code === undefined) throw thrown;
    return { faults: [{ file: dir, line: 1, what: `the files cannot be read (${code})` }] };
  }
};

/** The one place that decides which model is in use. */
export const modelInUse = (parts: ModelParts): ModelInUse => {
  let current = asked(parts.first);
  let state: ModelState = { version: current.catalogue.version, attempt: 0 };
  let last: Promise<unknown> = Promise.resolve();
  parts.told(state);
  const tell = (next: Partial<ModelState>) => {
    state = { ...state, ...next };
    parts.told(state);
  };

  const refuse = (faults: readonly Fault[]): never => {
    const [first = { file: parts.dir, line: 1, what: 'no model' }, ...others] = faults;
    tell({ refused: faults, reading: false });
    const { file, line, what } = first;
    parts.emit('model.refused', { inUse: state.version, faults: faults.length, file, line, what });
    throw error('model-invalid', { ...first, ...(others.length > 0 && { others }) });
  };

  const reload = async (): Promise<boolean> => {
    const began = performance.now();
    tell({ attempt: state.attempt + 1, reading: true });
    const { faults, model } = await readFiles(parts.dir);
    if (!model) return refuse(faults);
    const { version, owners, members } = model.catalogue;
    if (version === state.version) {
      const { refused: _, ...rest } = state;
      state = rest;
      tell({ reading: false });
      return false;
    }
    const missing = await parts.prove(model);
    if (missing.length > 0) return refuse(missing);
    const before = state.version;
    current = asked(model);
    state = { version, attempt: state.attempt };
    parts.emit('model.replaced', {
      ...{ before, version, owners: owners.size, members: members.size },
      milliseconds: Math.round(performance.now() - began),
    });
    await parts.replaced(model);
    tell({});
    return true;
  };

  return {
    current: () => current,
    state: () => state,
    reload: () => {
      const next = last.then(reload, reload);
      last = next.catch(() => undefined);
      return next;
    },
    prove: async () => {
      const missing = await parts.prove(current);
      const { missing: _, ...rest } = state;
      state = rest;
      tell(missing.length > 0 ? { missing } : {});
      const [first] = missing;
      if (first) parts.emit('model.missing', { version: state.version, faults: missing.length, ...first });
    },
  };
};

/** The model's state for `/ready`, which anybody may ask: versions and numbers, no names. */
export const stateText = ({ version, refused, missing }: ModelState): string =>
  [
    `version ${version}`,
    ...(refused ? [`newer files are refused for ${refused.length} faults`] : []),
    ...(missing ? [`${missing.length} columns or tables are missing`] : []),
    ...(refused || missing ? ['`assay status` names them'] : []),
  ].join('; ');

/** For who reloads on its own: a model that is refused was told already, anything else is a bug. */
export const refused =
  (emit: Emit) =>
  (thrown: unknown): void => {
    if (thrown instanceof AssayError && thrown.code === 'model-invalid') return;
    emit('bug', { where: 'model reload', error: thrown });
  };
