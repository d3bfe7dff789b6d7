// What makes the pages live: once a second, while somebody looks, the page asks
// for its own JSON and brings what it shows up to date. Nodes stay, so that
// focus, selection and the place on the page do.
'use strict';
(() => {
const every = 1000; // milliseconds
const $ = id => document.getElementById(id);
const page = document.querySelector('main').dataset.page;
const tbody = document.querySelector('tbody');
const unknown = '–';

// As in text.go.
const unseen = /(?![\u200C\u200D])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const printable = text => text.replace(unseen, '\uFFFD');
function size(bytes) {
  if (bytes < 0) return unknown;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
  if (bytes < 10) return `${bytes} B`;
  const e = Math.min(Math.floor(Math.log(bytes) / Math.log(1024)), units.length - 1);
  const value = Math.floor(bytes / 1024 ** e * 10 + 0.5) / 10;
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[e]}`;
}
const rate = perSecond => `${size(Math.trunc(Math.max(perSecond, 0)))}/s`;
function duration(seconds) {
  if (!(seconds >= 0 && seconds <= 2 ** 31 - 1)) return unknown;
  const s = Math.trunc(seconds);
  const two = (large, unit, small, of) => `${Math.trunc(large)}${unit} ${String(Math.trunc(small)).padStart(2, '0')}${of}`;
  if (s < 60) return `${s}s`;
  if (s < 3600) return two(s / 60, 'm', s % 60, 's');
  if (s < 86400) return two(s / 3600, 'h', s % 3600 / 60, 'm');
  return two(s / 86400, 'd', s % 86400 / 3600, 'h');
}
const number = n => n.toLocaleString('en-US');
const count = (n, word) => `${number(n)} ${word}${n === 1 ? '' : 's'}`;
const permille = (part, whole) => whole > 0 ? Math.trunc(1000 * Math.min(Math.max(part, 0), whole) / whole) : 0;
const since = (time, now) => duration(Math.max(0, (now - Date.parse(time)) / 1000));

// Only what differs is written.
function text(node, value) { if (node.textContent !== value) node.textContent = value }
function flag(node, name, on) { if (node.hasAttribute(name) !== on) node.toggleAttribute(name, on) }

// fill writes values into the cells of a row, or of the page.
function fill(cells, values) {
  for (const [name, value] of Object.entries(values)) if (cells[name]) text(cells[name], value);
}
function bar(node, value, known = true) {
  if (node.value !== value) node.value = value;
  flag(node, 'hidden', !known);
}

// rows are the table's by key, each with its cells by name.
const rows = new Map();
function adopt(tr) {
  const row = {tr, cells: {}};
  for (const cell of tr.querySelectorAll('[data-cell]')) row.cells[cell.dataset.cell] = cell;
  rows.set(tr.dataset.key, row);
  return row;
}
if (tbody) [...tbody.rows].forEach(adopt);

// show brings the table to a list of things, in this order. While the pointer
// is on a row none changes places: nobody shall click on what just moved there.
function show(things, key, update) {
  const keys = new Set(things.map(key));
  for (const [k, row] of rows) if (!keys.has(k)) { row.tr.remove(); rows.delete(k) }
  const still = tbody.querySelector('tr:hover') !== null || $('confirm')?.open;
  things.forEach((thing, i) => {
    let row = rows.get(key(thing));
    if (!row) {
      const tr = $('row').content.firstElementChild.cloneNode(true);
      tr.dataset.key = key(thing);
      row = adopt(tr);
      update(row, thing);
      tbody.insertBefore(tr, still ? null : tbody.rows[i] ?? null);
      return;
    }
    update(row, thing);
    if (!still && tbody.rows[i] !== row.tr) tbody.insertBefore(row.tr, tbody.rows[i] ?? null);
  });
  if ($('empty')) flag($('empty'), 'hidden', things.length > 0);
}

function table(a, word, things, totals) {
  text($('totals'), `${count(a.count, word)}${a.count === a.total ? '' : ` of ${number(a.total)}`} · ${totals}`);
  text($('more'), a.more ? `and ${number(a.more)} more: another order or a filter shows them` : '');
  flag($('more'), 'hidden', !a.more);
}

const values = {}; // of the page, by name
for (const node of document.querySelectorAll('[data-text]')) values[node.dataset.text] = node;
function score(h) {
  fill(values, {score: String(h.score), state: h.state});
  const states = ['ok', 'degraded', 'critical', 'failed'];
  $('health').classList.remove(...states);
  if (states.includes(h.state)) $('health').classList.add(h.state);
}

// What each page does with its answer.
const pages = {
  '/'(a) {
    score(a.health);
    fill(values, {ready: a.ready ? 'yes' : 'no', not_ready: printable(a.not_ready), transfers: String(a.transfers), rate: rate(a.rate), uptime: a.uptime});
    flag(values.not_ready, 'hidden', a.ready);
    flag($('limits'), 'hidden', a.limits.length === 0);
    show(a.limits, l => l.rule, ({cells}, l) => fill(cells, {rule: l.rule, text: l.text}));
  },
  '/health'(a) {
    score(a);
    show(a.parts, p => p.name, ({cells}, p) => {
      fill(cells, {name: p.name, score: String(p.score), reason: printable(p.reason)});
      bar(cells.bar, p.score);
    });
  },
  '/transfers'(a) {
    table(a, 'transfer', a.transfers, rate(a.rate));
    show(a.transfers, t => String(t.id), ({tr, cells}, t) => {
      const known = t.length >= 0, path = printable(t.path);
      fill(cells, {
        path, user: printable(t.user), remote: printable(t.remote), state: t.state,
        part: [t.status ? `${t.method} ${t.status}` : t.method, t.range && `bytes ${printable(t.range)}`, t.received > 0 && `${size(t.received)} received`].filter(Boolean).join(' · '),
        bytes: size(t.bytes_sent) + (known ? ` of ${size(t.length)}` : ''),
        rate: rate(t.rate), eta: duration(t.eta_seconds), age: duration(t.age_seconds),
      });
      bar(cells.bar, permille(t.bytes_sent, t.length), known);
      const form = tr.querySelector('form'), action = `/transfers/${t.id}/end`;
      if (form.getAttribute('action') !== action) {
        form.setAttribute('action', action);
        form.querySelector('button').ariaLabel = `End ${path}`;
      }
    });
  },
  '/downloads'(a, now) {
    table(a, 'download', a.downloads, `${number(a.active)} active`);
    show(a.downloads, d => d.key, ({cells}, d) => {
      fill(cells, {
        path: printable(d.path), client: printable(d.client), outcome: d.outcome,
        bytes: `${size(d.covered)} of ${size(d.size)}`, duplicate: size(d.duplicate),
        requests: number(d.requests) + (d.in_flight > 0 ? ` (${number(d.in_flight)} in flight)` : ''),
        age: since(d.started, now), last: since(d.last, now),
      });
      bar(cells.bar, d.size === 0 && d.outcome === 'complete' ? 1000 : permille(d.covered, d.size));
    });
  },
};

function drain(d) {
  if (!d) return;
  text($('drain').firstElementChild, d.text);
  bar($('drain').lastElementChild, d.permille);
  flag($('drain'), 'hidden', !d.draining);
}

// The loop: one request at a time, and none while nobody looks.
let timer, asking, goneSince;
async function poll() {
  clearTimeout(timer);
  asking?.abort();
  const mine = asking = new AbortController();
  const patience = setTimeout(() => mine.abort(), 10 * every);
  try {
    const answer = await fetch(location.pathname + location.search, {headers: {Accept: 'application/json'}, cache: 'no-store', signal: mine.signal});
    const a = await answer.json();
    if (mine !== asking) return;
    if (!answer.ok && page !== '/health') throw new Error(a.title);
    drain(a.drain);
    pages[page](a, Date.parse(answer.headers.get('Date')) || Date.now());
    goneSince = undefined;
  } catch {
    if (mine !== asking) return;
    goneSince ??= new Date();
    text($('gone'), `The server has not answered since ${goneSince.toLocaleTimeString()}. What is below is old.`);
  } finally {
    clearTimeout(patience);
    if (mine === asking) {
      flag($('gone'), 'hidden', !goneSince);
      document.documentElement.classList.toggle('gone', Boolean(goneSince));
      if (!document.hidden) timer = setTimeout(poll, every);
    }
  }
}
document.addEventListener('visibilitychange', () => document.hidden ? clearTimeout(timer) : poll());

function say(message) {
  const status = $('status');
  text(status, message);
  status.classList.add('shown');
  clearTimeout(say.timer);
  say.timer = setTimeout(() => status.classList.remove('shown'), 4000);
}

// The filter works while it is typed.
$('query')?.addEventListener('submit', event => event.preventDefault());
$('filter')?.addEventListener('input', () => {
  const address = new URL(location);
  address.searchParams.set('filter', $('filter').value);
  if (!$('filter').value) address.searchParams.delete('filter');
  history.replaceState(null, '', address);
  for (const a of document.querySelectorAll('.orders a')) {
    const order = new URL(a.href);
    order.searchParams.set('filter', $('filter').value);
    a.href = order.pathname + order.search;
  }
  poll();
});

// A transfer is ended after a question.
let ending;
tbody?.addEventListener('submit', event => {
  event.preventDefault();
  const {cells} = rows.get(event.target.closest('tr').dataset.key);
  ending = event.target.getAttribute('action');
  text($('confirm-path'), cells.path.textContent);
  text($('confirm-detail'), `${[cells.user.textContent, cells.remote.textContent].filter(Boolean).join(' · ')} · ${cells.bytes.textContent}`);
  $('confirm').returnValue = 'keep';
  $('confirm').showModal();
});
$('confirm')?.addEventListener('close', async () => {
  if ($('confirm').returnValue !== 'end') return;
  try {
    const answer = await fetch(ending, {method: 'POST', headers: {Accept: 'application/json'}});
    const a = await answer.json();
    say(answer.ok ? 'Ended.' : a.detail || a.title);
  } catch {
    say('The server does not answer.');
  }
  poll();
});

poll();
})();
