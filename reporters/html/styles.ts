export const styles = `
:root {
  color-scheme: light dark;
  --text: #1d2330; --faint: #5c6473; --page: #ffffff; --panel: #f5f6f8; --line: #d5d9e0;
  --surface: var(--page); --passed: #1a7f4b; --failed: #c62f2f; --inconclusive: #8a6100; --focus: #2f5fd0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #e4e7ee; --faint: #a2a9b8; --page: #14171d; --panel: #1d2129; --line: #363c48;
    --passed: #5fd39a; --failed: #ff8a80; --inconclusive: #e9bd57; --focus: #8fb0ff;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1240px; padding: 1rem; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; margin: 0; }
h2 { font-size: 1.3rem; margin: 2.5rem 0 .25rem; border-top: 1px solid var(--line); padding-top: 1rem; }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
h4 { font-size: .95rem; margin: 1rem 0 .5rem; color: var(--faint); }
p { margin: .25rem 0; }
a { color: var(--focus); }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
.counts { display: flex; flex-wrap: wrap; gap: .75rem; margin: .75rem 0; }
.counts div { background: var(--panel); border-left: 4px solid; border-radius: 4px; padding: .4rem 1rem; min-width: 7rem; }
.counts dt { font-size: .85rem; }
.counts .none { color: var(--faint); }
.counts dd { margin: 0; font-size: 1.6rem; font-weight: 600; line-height: 1.2; }
.passed { color: var(--passed); } .failed { color: var(--failed); }
.measured { color: var(--faint); }
.inconclusive, .warning { color: var(--inconclusive); }
.attention { list-style: none; margin: 0; padding: 0; }
.attention li { border-left: 4px solid; padding: .3rem .75rem; margin: .5rem 0; background: var(--panel); border-radius: 4px; }
.attention li > * { display: block; }
.attention strong, .attention span:last-child { color: var(--text); font-weight: normal; }
.attention strong { font-weight: 600; }
.attention strong a { color: inherit; }
.mark { font-size: .85rem; }
.scroll { overflow-x: auto; max-width: 100%; }
.samples .scroll, figure .scroll { max-height: 70vh; overflow: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
caption { text-align: left; color: var(--faint); padding: .25rem 0; }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
tbody th { font-weight: 600; }
th { background: var(--surface); }
thead th { color: var(--faint); font-weight: 600; position: sticky; top: 0; z-index: 1; }
/* Narrow screens would show nothing but the names. */
@media (min-width: 600px) { th:first-child { position: sticky; left: 0; } thead th:first-child { z-index: 2; } }
.sortable thead th { padding: 0; }
.sortable tbody th { font-weight: normal; }
.sortable button { font: inherit; color: inherit; background: none; border: 0; padding: .25rem .6rem; cursor: pointer; }
.sortable [aria-sort=ascending] button::after { content: ' ▲'; }
.sortable [aria-sort=descending] button::after { content: ' ▼'; }
.legend, figcaption { color: var(--faint); font-size: .85rem; }
figcaption strong { color: var(--text); display: flex; flex-wrap: wrap; justify-content: space-between; column-gap: 1rem; font-size: .95rem; }
figcaption small { color: var(--faint); font-weight: normal; }
.charts > div { display: grid; gap: 1rem; min-width: 0; }
.charts { display: grid; align-items: start; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 360px), 1fr)); }
figure { --surface: var(--panel); margin: 0; min-width: 0; }
.charts > figure, .charts > div > figure { background: var(--panel); border-radius: 4px; padding: .75rem; }
.pictures { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 290px), 1fr)); }
.pictures > figure { background: var(--panel); border-radius: 4px; padding: .75rem; }
.triptych { display: grid; gap: .5rem; grid-template-columns: repeat(3, minmax(0, 1fr)); }
.triptych img { display: block; width: 100%; image-rendering: pixelated; border: 1px solid var(--line); }
.triptych span { font-size: .75rem; white-space: nowrap; }
svg { --plot-background: transparent; }
details { margin: .5rem 0; }
summary { cursor: pointer; }
.filter { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; }
input, select { font: inherit; color: inherit; background: var(--page); border: 1px solid var(--line); border-radius: 4px; padding: .15rem .4rem; }
.replay dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .5rem 0 1rem 1rem; font-size: .9rem; }
.replay dt { color: var(--faint); }
.replay dd { margin: 0; }
@media (max-width: 480px) { .replay dl { grid-template-columns: 1fr; } .replay dd { margin-bottom: .4rem; } }
`
