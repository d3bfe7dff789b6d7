// The theme: in the head, so that the page never shows in the wrong one.
'use strict';
(() => {
const root = document.documentElement;
root.classList.add('js');

const themes = ['auto', 'light', 'dark'];
let theme = 'auto';
try { theme = localStorage.getItem('listing-theme') } catch { /* storage is denied */ }
use(themes.includes(theme) ? theme : 'auto');

function use(name) {
  theme = name;
  root.dataset.theme = name;
  const button = document.querySelector('[data-do=theme]');
  if (button) button.ariaLabel = button.title = `Theme: ${name}`;
}

document.addEventListener('DOMContentLoaded', () => {
  use(theme);
  document.querySelector('[data-do=theme]').addEventListener('click', () => {
    use(themes[(themes.indexOf(theme) + 1) % themes.length]);
    try { localStorage.setItem('listing-theme', theme) } catch { /* storage is denied */ }
  });
});
})();
