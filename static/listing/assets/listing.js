// What the page does beyond HTML. Without it everything is still there: this
// only makes it quicker.
'use strict';
(() => {
// ---- Small things.

const byId = id => document.getElementById(id);
const nameOf = link => link.querySelector('bdi').textContent;

// say tells both those who see and those who listen. A modal dialog silences
// what is outside of it, so the text goes inside.
let saying;
function say(text) {
  const status = byId('status');
  (document.querySelector('dialog[open]') || document.body).append(status);
  clearTimeout(saying);
  status.textContent = text;
  status.classList.add('shown');
  saying = setTimeout(() => status.classList.remove('shown'), 2500);
}

function make(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}

// ---- Copying a link. The clipboard needs a secure context, which a server in
// a local network has not; then there is the old way.

async function copy(link) {
  const copied = await writeText(link.href);
  say(copied ? 'Link copied' : `Could not copy: ${link.href}`);
}

async function writeText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const focused = document.activeElement;
    const field = make('textarea', {value: text, readOnly: true, className: 'sr'});
    (document.querySelector('dialog[open]') || document.body).append(field);
    field.select();
    const copied = document.execCommand('copy');
    field.remove();
    focused?.focus();
    return copied;
  }
}

// ---- The table.

let rows = []; // of names: {row, link, text}

// nameRoles says that the table is a table: on a phone it is laid out as a
// grid, which makes some browsers forget.
function nameRoles() {
  const roles = {table: 'table', thead: 'rowgroup', tbody: 'rowgroup', tr: 'row', td: 'cell'};
  const table = byId('list');
  for (const element of [table, ...table.querySelectorAll('thead, tbody, tr, th, td')]) {
    element.role = roles[element.localName] || (element.scope === 'col' ? 'columnheader' : 'rowheader');
  }
}

const pad = number => String(number).padStart(2, '0');

function localTimes() {
  for (const time of document.querySelectorAll('#list time')) {
    const t = new Date(time.dateTime);
    if (isNaN(t)) continue;
    time.textContent = `${t.getFullYear()}-${pad(t.getMonth() + 1)}-${pad(t.getDate())} ${pad(t.getHours())}:${pad(t.getMinutes())}`;
    time.title = t.toLocaleString(undefined, {dateStyle: 'full', timeStyle: 'long'});
  }
  const heading = document.querySelector('thead .t button').firstChild;
  heading.data = 'Modified';
}

function addCopyButtons() {
  const button = byId('copy-button').content.firstElementChild;
  for (const {row, link} of rows) {
    const copyButton = button.cloneNode(true);
    copyButton.ariaLabel = `Copy link to ${nameOf(link)}`;
    row.lastElementChild.append(copyButton);
  }
}

const fold = text => text.normalize('NFC').toLowerCase();

// filterPage shows only what matches on this page. Enter asks the server for
// all of the folder.
function filterPage() {
  const input = byId('filter');
  const wanted = fold(input.value);
  let shown = 0;
  for (const {row, text} of rows) {
    row.hidden = !text.includes(wanted);
    shown += !row.hidden;
  }
  document.querySelector('.empty').hidden = shown > 0;
  if (document.activeElement === input) {
    const more = input.dataset.pages > 1 || input.defaultValue ? ' on this page; Enter searches the whole folder' : '';
    say(wanted || more ? `${shown} of ${rows.length} names${more}` : `${shown} names`);
  }
}

function submitFilter(event) {
  const input = byId('filter');
  if (input.dataset.pages > 1 || input.defaultValue) return; // the server knows more names
  event.preventDefault();
  rows.find(({row}) => !row.hidden)?.link.focus();
}

// ---- Preview.

const textLimit = 64 * 1024;
let current = null; // the link whose file is shown
let fetching = null;

const previewable = () => rows.filter(({row, link}) => !row.hidden && link.dataset.preview).map(({link}) => link);

function preview(link) {
  const links = previewable();
  const place = links.indexOf(link);
  current = link;
  clearPreview();
  byId('preview-name').textContent = nameOf(link);
  byId('preview-place').textContent = `${place + 1} of ${links.length}`;
  byId('preview-open').href = byId('preview-download').href = link.href;
  const dialog = byId('preview');
  dialog.querySelector('[data-do=previous]').disabled = place <= 0;
  dialog.querySelector('[data-do=next]').disabled = place >= links.length - 1;
  if (!dialog.open) dialog.showModal();
  if (document.activeElement?.disabled || document.activeElement === document.body) byId('preview-body').focus();
  (link.dataset.preview === 'text' ? showText : showMedia)(link);
}

function clearPreview() {
  fetching?.abort();
  const body = byId('preview-body');
  const media = body.querySelector('audio, video');
  if (media) { // or it goes on downloading
    media.removeAttribute('src');
    media.load();
  }
  body.replaceChildren();
  byId('preview-note').textContent = '';
}

function closed() {
  if (byId('preview').open) return; // again already: the event comes late
  clearPreview();
  document.body.append(byId('status'));
  current?.focus();
  current = null;
}

function showMedia(link) {
  const kind = link.dataset.preview;
  const media = kind === 'image' ? make('img', {alt: nameOf(link)}) : make(kind, {controls: true, preload: 'metadata'});
  media.addEventListener('error', () => {
    if (current === link) cannotShow('This browser cannot show this file.');
  });
  media.src = link.href;
  byId('preview-body').replaceChildren(media);
}

function cannotShow(text) {
  byId('preview-body').replaceChildren(make('p', {textContent: text}));
}

// showText shows the beginning of a file as text, whatever is in it.
async function showText(link) {
  if (link.closest('tr').querySelector('.s').title.startsWith('0 ')) return cannotShow('This file is empty.');
  fetching = new AbortController();
  const {signal} = fetching;
  try {
    const response = await fetch(link.href, {signal, headers: {Range: `bytes=0-${textLimit - 1}`}});
    if (!response.ok) throw new Error(`The server says: ${response.status} ${response.statusText}`);
    const {bytes, more} = await beginning(response);
    if (signal.aborted) return;
    if (bytes.includes(0)) return cannotShow('This is not text.');
    // stream leaves out a character that the limit cuts in two.
    const textContent = new TextDecoder().decode(bytes, {stream: more});
    byId('preview-body').replaceChildren(make('pre', {textContent, tabIndex: 0}));
    if (more) byId('preview-note').textContent = 'Only the first 64 KiB are shown.';
  } catch (error) {
    if (!signal.aborted) cannotShow(error.message || 'The file cannot be read.');
  }
}

// beginning reads no more than the limit, even if the server sends it all.
async function beginning(response) {
  const total = Number(/\/(\d+)$/.exec(response.headers.get('Content-Range') || '')?.[1]);
  const bytes = new Uint8Array(textLimit);
  const reader = response.body.getReader();
  let size = 0;
  for (;;) {
    const {done, value} = await reader.read();
    if (done) break;
    const room = textLimit - size;
    bytes.set(value.subarray(0, room), size);
    size += Math.min(value.length, room);
    if (value.length > room) {
      reader.cancel();
      return {bytes, more: true};
    }
  }
  return {bytes: bytes.subarray(0, size), more: total > size};
}

function step(by) {
  const links = previewable();
  const link = links[links.indexOf(current) + by];
  if (link) preview(link);
}

// ---- Keys.

function move(by) {
  const links = [byId('up'), ...rows.filter(({row}) => !row.hidden).map(({link}) => link)].filter(Boolean);
  const row = document.activeElement?.closest('tbody tr');
  const here = links.findIndex(link => row?.contains(link));
  const to = here < 0 ? (by > 0 ? 0 : links.length - 1) : here + by;
  links[Math.min(Math.max(to, 0), links.length - 1)]?.focus();
}

const linkInFocus = () => rows.find(({row}) => row.contains(document.activeElement))?.link;

const keys = {
  j: () => move(1), ArrowDown: () => move(1),
  k: () => move(-1), ArrowUp: () => move(-1),
  u: () => byId('up')?.click(), Backspace: () => byId('up')?.click(),
  '/': () => byId('filter')?.select(),
  '?': () => byId('help').showModal(),
  c: () => { const link = linkInFocus(); if (link) copy(link) },
};
const previewKeys = {ArrowLeft: () => step(-1), ArrowRight: () => step(1), c: () => copy(current)};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.isComposing) return;
  const {target, key} = event;
  if (target.id === 'filter') return onFilterKey(event);
  if (target.closest('input, textarea, audio, video')) return;
  const dialog = document.querySelector('dialog[open]');
  const action = dialog ? dialog.id === 'preview' && previewKeys[key] : keys[key];
  if (!action) return;
  event.preventDefault();
  action();
}

function onFilterKey(event) {
  if (event.key === 'ArrowDown') {
    event.preventDefault();
    rows.find(({row}) => !row.hidden)?.link.focus();
  }
  if (event.key !== 'Escape') return;
  event.preventDefault();
  if (event.target.value) {
    event.target.value = '';
    filterPage();
  } else event.target.blur();
}

// ---- Clicks: one listener for all of them.

const actions = {
  help: () => byId('help').showModal(),
  close: button => button.closest('dialog').close(),
  copy: button => copy(button.closest('dialog') ? current : button.closest('tr').querySelector('.n a')),
  previous: () => step(-1),
  next: () => step(1),
};

function onClick(event) {
  const {target} = event;
  if (target.localName === 'dialog') return target.close(); // beside it
  const button = target.closest('[data-do]');
  if (button) return actions[button.dataset.do]?.(button);
  const link = target.closest('a[data-preview]');
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  preview(link);
}

document.addEventListener('DOMContentLoaded', () => {
  document.addEventListener('click', onClick);
  rows = [...document.querySelectorAll('#list tbody tr:not(.up)')].map(row => {
    const link = row.querySelector('.n a');
    return {row, link, text: fold(nameOf(link))};
  });
  nameRoles();
  localTimes();
  addCopyButtons();
  byId('filter').addEventListener('input', filterPage);
  byId('filter').form.addEventListener('submit', submitFilter);
  byId('preview').addEventListener('close', closed);
  document.addEventListener('keydown', onKey);
  if (byId('filter').value !== byId('filter').defaultValue) filterPage(); // the browser remembered it
});
})();
