import { PropertyError } from './property-error.js'

/** An SMT-LIB expression: an atom, or a list in parentheses. `line` is where it begins. */
export type Expression =
  | { readonly line: number; readonly atom: string; readonly items?: undefined }
  | { readonly line: number; readonly items: readonly Expression[]; readonly atom?: undefined }

/**
 * The expressions of an SMT-LIB text, without its comments.
 * @throws PropertyError where parentheses do not match.
 */
export function readExpressions(text: string): Expression[] {
  const open: { line: number; items: Expression[] }[] = [{ line: 1, items: [] }]
  let line = 1
  for (const [token] of text.matchAll(/\n|;[^\n]*|[()]|"[^"]*"|\|[^|]*\||[^\s();]+/g)) {
    if (token === '\n') line++
    else if (token === '(') open.push({ line, items: [] })
    else if (token === ')') {
      if (open.length === 1) throw new PropertyError(line, 'there is a closing parenthesis too many')
      const list = open.pop()!
      open.at(-1)!.items.push(list)
    } else if (!token.startsWith(';')) {
      open.at(-1)!.items.push({ line, atom: token })
      // Strings and symbols in bars may go over several lines.
      line += token.split('\n').length - 1
    }
  }
  if (open.length > 1) throw new PropertyError(open.at(-1)!.line, 'the parenthesis that opens here is never closed')
  return open[0].items
}

/** An expression as text, cut where it is long: for messages. */
export function printExpression({ atom, items }: Expression): string {
  const text = atom ?? `(${items!.map(printExpression).join(' ')})`
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}
