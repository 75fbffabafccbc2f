// What the tenant, its keys and its agents may cost, what they have used of it, and who draws most.

import { useState } from 'react';
import { api, explain } from '../api/client';
import { useQuery } from '../api/query';
import { atLimit, bar, nano, standing, sum, usd, whom, type Budget, type Purse } from '../budgets';
import { Untrusted } from '../hostile/Untrusted';
import { useKeys } from '../keys';
import { BudgetForm } from '../parts/BudgetForm';
import { Dialog } from '../parts/Dialog';
import { Empty, Freshness, Problem, Time } from '../parts/show';
import { NotYours, useMay } from '../who';

/** Purses of one budget that are shown before somebody asks for all. */
const SHOWN = 5;

/** Settled, reserved, and where the limit is. */
export function BudgetBar({ settled, reserved, limit, label }: { settled: bigint; reserved: bigint; limit: bigint; label: string }) {
  const shares = bar(settled, reserved, limit);
  return (
    <svg className="budget-bar" viewBox="0 0 1000 20" preserveAspectRatio="none" role="img" aria-label={label}>
      <rect className="bar-ground" width="1000" height="20" />
      <rect className="bar-settled" width={shares.settled} height="20" />
      <rect className="bar-reserved" x={shares.settled} width={shares.reserved} height="20" />
      {shares.limit < 1_000 && <rect className="bar-limit" x={shares.limit - 4} width="8" height="20" />}
    </svg>
  );
}

function PurseRow({ budget, purse }: { budget: Budget; purse: Purse }) {
  const settled = sum(purse.settled);
  const reserved = sum(purse.reserved);
  const said = standing(budget, purse);
  const flying = reserved.calls > 0 ? `, of that ${usd(reserved.nano)} USD and ${reserved.calls} calls in flight` : '';
  const money = budget.limit_usd === null || budget.limit_usd === undefined ? null : nano(budget.limit_usd);
  return (
    <li className="purse" data-purse={budget.scope} data-percent={purse.percent}>
      <span className="purse-head">
        <Untrusted text={purse.subject} oneLine />
        <span className={purse.percent >= 100 ? 'purse-percent purse-full' : 'purse-percent'}>{purse.percent} %</span>
      </span>
      {money !== null && <BudgetBar settled={settled.nano} reserved={reserved.nano} limit={money} label={`${said}${flying}`} />}
      {budget.limit_calls !== null && budget.limit_calls !== undefined && (
        <BudgetBar settled={BigInt(settled.calls)} reserved={BigInt(reserved.calls)} limit={BigInt(budget.limit_calls)} label={`${said}${flying}`} />
      )}
      <span className="purse-said">
        {said}
        {flying}, renews <Time at={purse.renews_at} />
      </span>
      {purse.top.length > 0 && (
        <ol className="short purse-top" aria-label="Agents that draw most">
          {purse.top.slice(0, SHOWN).map((drawer) => (
            <li key={drawer.agent_id}>
              <Untrusted text={drawer.agent_id} oneLine />{' '}
              <span className="quiet">
                {drawer.used.usd} USD, {drawer.used.calls} calls
              </span>
            </li>
          ))}
        </ol>
      )}
    </li>
  );
}

export function BudgetItem({ budget, selected, onSelect }: { budget: Budget; selected: boolean; onSelect: () => void }) {
  const [all, setAll] = useState(false);
  const limits = [
    ...(budget.limit_usd === null || budget.limit_usd === undefined ? [] : [`${budget.limit_usd} USD`]),
    ...(budget.limit_calls === null || budget.limit_calls === undefined ? [] : [`${budget.limit_calls.toLocaleString('en')} calls`]),
  ];
  const shown = all ? budget.purses : budget.purses.slice(0, SHOWN);
  return (
    <section className={selected ? 'panel budget budget-selected' : 'panel budget'} data-budget={budget.id} aria-current={selected} aria-label={`Budget ${budget.id}`}>
      <header>
        <h2>
          <button type="button" className="plain" onClick={onSelect}>
            <Untrusted text={budget.id} oneLine />
          </button>
        </h2>
        <span className="quiet">
          {whom(budget)}
          {budget.scope !== 'tenant' && budget.of !== '*' && (
            <>
              {' '}
              <Untrusted text={budget.of} oneLine />
            </>
          )}
        </span>
        <span className="grow" />
        <strong>
          {limits.join(' and ')} a {budget.period}
        </strong>
      </header>
      <p className="quiet">
        {atLimit(budget)}; {budget.thresholds.length === 0 ? 'nobody is told' : `told at ${budget.thresholds.join(', ')} %`}
        {budget.notify.map((group) => (
          <span key={group}>
            {' '}
            <Untrusted text={group} oneLine />
          </span>
        ))}
        ; set by <Untrusted text={budget.set_by} oneLine /> <Time at={budget.set_at} />
        {budget.declared && ', in the file that the server was started with'}
      </p>
      {budget.purses.length === 0 && <Empty>Nothing was drawn in this {budget.period} yet.</Empty>}
      <ul className="globs">
        {shown.map((purse) => (
          <PurseRow key={purse.subject} budget={budget} purse={purse} />
        ))}
      </ul>
      {budget.purses.length > SHOWN && !all && (
        <button type="button" onClick={() => setAll(true)}>
          Show all {budget.purses.length}
        </button>
      )}
    </section>
  );
}

export function Budgets() {
  const may = useMay('administer');
  const [selected, setSelected] = useState(0);
  const [open, setOpen] = useState<'new' | 'edit' | 'remove' | null>(null);
  const [said, setSaid] = useState('');
  const query = useQuery('budgets', (signal) => api.get('/api/budgets', { signal }), 3_000);
  const budgets = query.data ?? [];
  const index = Math.min(selected, budgets.length - 1);
  const chosen = budgets[index];
  const free = may && chosen !== undefined && !chosen.declared;

  const move = (to: number) => {
    setSelected(to);
    const id = budgets[to]?.id;
    if (id !== undefined) document.querySelector(`[data-budget="${CSS.escape(id)}"]`)?.scrollIntoView({ block: 'nearest' });
  };
  const remove = async (budget: Budget) => {
    setOpen(null);
    try {
      await api.delete('/api/budgets/{id}', { path: { id: budget.id } });
      setSaid(`Budget ${budget.id} holds no more.`);
    } catch (error) {
      setSaid(explain(error));
    }
    query.refresh();
  };

  useKeys({
    j: () => move(Math.min(budgets.length - 1, index + 1)),
    k: () => move(Math.max(0, index - 1)),
    n: () => may && setOpen('new'),
    e: () => free && setOpen('edit'),
    x: () => free && setOpen('remove'),
  });

  return (
    <div className="screen">
      <header className="screen-head">
        <h1>Budgets</h1>
        <Freshness query={query} />
        <span className="grow" />
        <button type="button" className="primary" disabled={!may} onClick={() => setOpen('new')}>
          New <kbd>n</kbd>
        </button>
        <button type="button" disabled={!free} onClick={() => setOpen('edit')}>
          Edit <kbd>e</kbd>
        </button>
        <button type="button" className="danger" disabled={!free} onClick={() => setOpen('remove')}>
          Remove <kbd>x</kbd>
        </button>
      </header>
      {!may && <NotYours what="administer" verb="change budgets" />}
      <p className="said" role="status">
        {said}
      </p>
      {query.data === undefined && <Problem error={query.error} retry={query.refresh} />}
      {query.data && budgets.length === 0 && <Empty>No budget is set: agents may cost whatever they cost. {may && 'n sets one.'}</Empty>}
      <div className="budgets">
        {budgets.map((budget, at) => (
          <BudgetItem key={budget.id} budget={budget} selected={at === index} onSelect={() => setSelected(at)} />
        ))}
      </div>
      {(open === 'new' || (open === 'edit' && chosen)) && (
        <BudgetForm
          budget={open === 'edit' ? (chosen ?? null) : null}
          onClose={() => setOpen(null)}
          onSaved={(id) => {
            setOpen(null);
            setSaid(`Budget ${id} is in force.`);
            query.refresh();
          }}
        />
      )}
      {open === 'remove' && chosen && (
        <Dialog title="Remove the budget?" onClose={() => setOpen(null)}>
          <p>
            Nothing limits what <Untrusted text={chosen.id} oneLine /> did from then on.
          </p>
          <p className="actions">
            <button type="button" onClick={() => setOpen(null)}>
              Keep it
            </button>
            <button type="button" data-first className="danger" onClick={() => void remove(chosen)}>
              Remove
            </button>
          </p>
        </Dialog>
      )}
    </div>
  );
}
