import { parseHTML } from 'linkedom'

/** What elements and charts are made with. */
export const { document } = parseHTML('<!doctype html><html></html>')

export interface HtmlElement {
  readonly outerHTML: string
}

type Child = HtmlElement | string | undefined

/**
 * An element with children. Strings become text, so that what users wrote stays text; attributes are for what this
 * package wrote.
 */
export function element(
  tag: string,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Child[]
): HtmlElement {
  const created = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) created.setAttribute(name, value)
  for (const child of children) if (child !== undefined) created.append(child as string)
  return created
}

/** A table whose first column names the rows. */
export function table(
  caption: string,
  head: readonly string[],
  rows: readonly (readonly (string | HtmlElement)[])[],
): HtmlElement {
  const scope = { scope: 'row' }
  return element(
    'table',
    {},
    element('caption', {}, caption),
    element('thead', {}, element('tr', {}, ...head.map((title) => element('th', { scope: 'col' }, title)))),
    element(
      'tbody',
      {},
      ...rows.map(([name, ...cells]) =>
        element('tr', {}, element('th', scope, name), ...cells.map((cell) => element('td', {}, cell))),
      ),
    ),
  )
}

/** Wide content scrolls by itself, with the keyboard too. */
export function scrollable(label: string, content: HtmlElement): HtmlElement {
  return element('div', { class: 'scroll', role: 'region', tabindex: '0', 'aria-label': label }, content)
}
