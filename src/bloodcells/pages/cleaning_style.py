"""The look of the cleaning page, beside what all pages share."""

STYLE = """
:root { --kept: #4477aa; --junk: #ddaa33; --label_conflict: #aa3377; --exact_duplicate: #cc6677;
  --near_duplicate: #ee99aa }
@media (prefers-color-scheme: dark) { :root { --kept: #6699cc } }
header p { margin: 0; color: var(--soft) }
h2 { margin: 0 }
section { margin-top: 3.2rem }
section > p { margin: .3rem 0 1.1rem; max-width: 44rem; color: var(--soft) }
.bar { display: flex; height: 1.1rem; gap: 2px; overflow: hidden; border-radius: .55rem }
.bar i { flex-basis: 3px }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.6rem; margin: .9rem 0 0; padding: 0; list-style: none;
  color: var(--soft) }
.legend b { margin-right: .4rem; padding-left: .7rem; color: var(--ink); border-left: .3rem solid; border-radius: 2px }
.kept { --own: var(--kept) } .junk { --own: var(--junk) } .label_conflict { --own: var(--label_conflict) }
.exact_duplicate { --own: var(--exact_duplicate) } .near_duplicate { --own: var(--near_duplicate) }
.bar i { background: var(--own) } .legend b { border-color: var(--own) }
th, td { padding: .3rem .9rem .3rem 0; text-align: right; font-weight: 400; white-space: nowrap }
th:first-child { text-align: left }
td:last-child { padding-right: .3rem; font-weight: 600 }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(7.2rem, 1fr)); gap: .9rem }
.clusters { display: grid; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); gap: .9rem }
.cluster { display: flex; flex-wrap: wrap; gap: .7rem; padding: .7rem; border-radius: .8rem; background: var(--card);
  border: 1px solid var(--line) }
.cluster figure { width: 6.6rem }
figure { margin: 0 }
figure img { display: block; width: 100%; height: auto; aspect-ratio: 1; border-radius: .5rem }
figcaption { margin-top: .3rem; font-size: .8rem; line-height: 1.3; color: var(--soft) }
figcaption b { display: block; font-weight: 600; color: var(--ink) }
.more { color: var(--soft) }
.chart { max-width: 46rem; margin-bottom: 1.2rem; overflow-x: auto }
.chart svg { display: block; width: 100%; min-width: 32rem; height: auto }
.chart svg text { fill: currentColor; font-family: system-ui, sans-serif !important }
"""
