import { sizeText } from '../size-text.js';
import { type Plan, type PlanStep, planStatus } from './plan.js';
import { spanText } from './span-text.js';
import { PRODUCTION } from './world.js';

const MARK = { new: '+', removed: '-', metadata: '=', additive: '~', forward_only: '~', breaking: '!', indirect: '~' };

const count = (n: number, what: string): string => `${n.toLocaleString('en-US')} ${what}${n === 1 ? '' : 's'}`;

/** Where the old meaning ends and the new one begins. */
const staysLines = ({ id, stays, first, partitions }: PlanStep): string[] => {
  if (!stays) return [];
  const whole = stays.first === '*';
  const what = whole ? 'all rows' : `${spanText([stays.first, stays.last])}  ${count(stays.partitions, 'partition')}`;
  const nulls = stays.nulls.length > 0 ? `, ${stays.nulls.join(', ')} null there` : '';
  const by = stays.meanings.map((one) => one.slice(0, 4)).join(', ');
  const line = `  keep    ${id} ${what} as ${by} made ${whole || stays.partitions > 1 ? 'them' : 'it'}${nulls}; no SELECT runs`;
  if (!stays.own) return [line];
  const before = partitions > 0 && first <= stays.last && !whole ? ' (and those below that have new data)' : '';
  return [
    line,
    `          the new SELECT makes ${whole ? 'what changes from now on' : `partitions after ${stays.last}${before}, and any other when its data changes`}; assay restate ${id} makes the past by it`,
  ];
};

const stepLines = (step: PlanStep): string[] => [
  ...staysLines(step),
  ...(step.stays && step.partitions === 0 ? [] : [stepLine(step)]),
];

const stepLine = (step: PlanStep): string => {
  const { id, first, last, partitions, perhaps, statements, past } = step;
  if (step.view)
    return `  look at ${id}  a view: only its checks are asked, on ${step.engine} (reads ${sizeText(step.readBytes)})\n          because ${step.because.join(', ')}`;
  const what =
    first === '*'
      ? `whole${perhaps > 0 ? ' (perhaps)' : ''}`
      : `${first}${first === last ? '' : `..${last}`}  ${count(partitions, 'partition')}${perhaps > 0 ? ` (${perhaps} perhaps)` : ''} in ${count(statements, 'statement')}`;
  const before = past ? `, last time ${past.milliseconds} ms and ${sizeText(past.bytes)}` : '';
  return `  build   ${id} ${what} on ${step.engine ?? 'no engine'} (${step.route}; reads ${sizeText(step.readBytes)}${before})\n          because ${step.because.join(', ')}${perhaps > 0 ? `; perhaps: only if that comes out changed${step.elseStays ? ', otherwise they stay as they are' : ''}` : ''}`;
};

/** How many tables stay as they are, and whose they are; their names only to those who ask. */
const reuseLines = ({ reuse, shared }: Plan, explain: boolean): string[] => {
  const [theirs, own] = [reuse.filter((id) => shared.includes(id)), reuse.filter((id) => !shared.includes(id))];
  const lines = [
    ...(theirs.length > 0 ? [[`${count(theirs.length, 'table')} of ${PRODUCTION}`, theirs] as const] : []),
    ...(own.length > 0 ? [[count(own.length, 'table'), own] as const] : []),
  ];
  return lines.map(([what, ids]) => `  reuse   ${what}${explain ? `: ${ids.join(', ')}` : ''}`);
};

/** A plan for people. `explain` adds the diffs and the reasons of every change, and names what stays. */
export const planText = (plan: Plan, explain = false): string => {
  const status = planStatus(plan);
  const lines = [`Plan ${plan.id} for ${plan.environment} (base revision ${plan.baseRevision})`];
  for (const { engine, ok, problems } of plan.dryRuns)
    lines.push(`  dry run ${engine}: ${ok ? 'ok' : problems.join('; ')}`);
  for (const change of plan.changes) {
    const from = change.before?.fingerprint.slice(0, 4) ?? 'none';
    const to = change.after?.fingerprint.slice(0, 4) ?? 'none';
    const added = change.contract.added.map((c) => ` +${c.name} ${c.type}`).join('');
    const removed = change.contract.removed.map((c) => ` -${c.name}`).join('');
    const how = change.direct ? '' : ' (indirect)';
    lines.push(
      `${MARK[change.category]} ${change.id} v${change.version} ${from}→${to} ${change.category.toUpperCase()}${how}${added}${removed}`,
    );
    if (explain || change.category === 'breaking' || change.category === 'indirect')
      for (const reason of change.reasons) lines.push(`    ${reason}`);
    if (change.blocked !== undefined) lines.push(`    BLOCKED: ${change.blocked}`);
    if (explain && change.diff !== '') lines.push(...change.diff.split('\n').map((line) => `    ${line}`));
  }
  for (const step of plan.steps) lines.push(...stepLines(step));
  if (plan.reuse.length > 0 && status !== 'none') lines.push(...reuseLines(plan, explain));
  if (plan.select) lines.push(`  only    ${plan.select.ids.join(', ')}; all other tables stay as they are`);
  const { make, replace, recreate, drop } = plan.views;
  const views = [
    ...(make.length > 0 ? [`make ${make.length}`] : []),
    ...(replace.length > 0 ? [`replace ${replace.length}`] : []),
    ...(recreate.length > 0 ? [`make ${recreate.length} anew with their grants`] : []),
    ...(drop.length > 0 ? [`drop ${drop.length}`] : []),
  ];
  if (views.length > 0) lines.push(`  views   ${views.join(', ')}`);
  for (const risk of plan.risks) lines.push(`  risk    ${risk}`);
  for (const why of plan.blocked) lines.push(`  BLOCKED ${why}`);
  const checks = plan.steps.reduce((sum, step) => sum + step.checks.all, 0);
  const critical = plan.steps.reduce((sum, step) => sum + step.checks.critical, 0);
  if (plan.steps.length > 0)
    lines.push(`  checks  ${checks} (${critical} critical)   reads ${sizeText(plan.readBytes)}`);
  if (status !== 'none')
    lines.push(
      `  back    ${plan.rollbackTo === undefined ? 'this is the first publication' : `assay rollback ${plan.environment} ${plan.rollbackTo}`}`,
    );
  lines.push(
    status === 'none'
      ? 'nothing to do'
      : status === 'blocked'
        ? 'this plan cannot be applied'
        : `apply it with: assay apply ${plan.id}`,
  );
  return `${lines.join('\n')}\n`;
};
