import type { Action } from '../format/actions.js';
import { fileKey } from '../format/file-key.js';
import type { AddFile, Domain, Metadata, Protocol, RemoveFile, Txn } from '../types.js';
import { ownTime } from './commit-time.js';

/** The state that replay builds, one action after the other, oldest version first. */
export interface State {
  protocol: Protocol | undefined;
  metadata: Metadata | undefined;
  /** By `fileKey`. */
  readonly adds: Map<string, AddFile>;
  /** By `fileKey`. */
  readonly removes: Map<string, RemoveFile>;
  readonly txns: Map<string, Txn>;
  readonly domains: Map<string, Domain>;
  /** Of the last commit that had one. */
  inCommitTimestamp: number | undefined;
}

export const nothing = (): State => ({
  protocol: undefined,
  metadata: undefined,
  adds: new Map(),
  removes: new Map(),
  txns: new Map(),
  domains: new Map(),
  inCommitTimestamp: undefined,
});

/** Actions of one version (or of a checkpoint, or of versions that were compacted): none of them undoes another. */
export const replay = (state: State, actions: readonly Action[]): void => {
  for (const action of actions) {
    if (action.kind === 'add') {
      const key = fileKey(action.add);
      state.adds.set(key, action.add);
      state.removes.delete(key);
    } else if (action.kind === 'remove') {
      const key = fileKey(action.remove);
      state.adds.delete(key);
      state.removes.set(key, action.remove);
    } else if (action.kind === 'protocol') state.protocol = action.protocol;
    else if (action.kind === 'metaData') state.metadata = action.metaData;
    else if (action.kind === 'txn') state.txns.set(action.txn.appId, action.txn);
    else if (action.kind === 'domainMetadata') {
      const { domainMetadata: domain } = action;
      if (domain.removed) state.domains.delete(domain.domain);
      else state.domains.set(domain.domain, domain);
    }
  }
  state.inCommitTimestamp = ownTime(actions) ?? state.inCommitTimestamp;
};
