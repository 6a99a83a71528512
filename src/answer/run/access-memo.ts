import type { Catalogue } from '../../model/catalog/index.js';
import type { Access } from '../../model/policy/index.js';
import type { Caller } from '../../query/index.js';
import type { LoadedModel } from './parts.js';

const MOST = 1_000;

/** Keeps what each caller may see, per compiled model; callers with equal rights share it. */
export const accessMemo = (): ((model: LoadedModel, caller: Caller) => Access) => {
  const kept = new WeakMap<Catalogue, Map<string, Access>>();
  return (model, caller) => {
    let mine = kept.get(model.catalogue);
    if (!mine) {
      mine = new Map();
      kept.set(model.catalogue, mine);
    }
    const key = JSON.stringify([caller.subject, caller.tenant, caller.roles, caller.attributes]);
    const found = mine.get(key);
    if (found) return found;
    if (mine.size >= MOST) mine.clear();
    const access = model.accessOf(caller);
    mine.set(key, access);
    return access;
  };
};
