import { SettingsError } from '../../src/errors.js'

/** Where the text of a command goes. */
export interface Output {
  /** The result. */
  print(text: string): void
  /** Progress and errors. */
  note(text: string): void
  /** What is going on, in place of what was said before; where somebody watches. */
  readonly progress?: (text: string) => void
}

/** 0: done, nothing found. 1: something was found. 2: the command line or a file makes no sense. */
export type ExitCode = 0 | 1 | 2

/** One thing that `unfooled` can do. */
export interface Verb {
  /** One line, for the list of verbs. */
  readonly summary: string
  readonly help: string
  /** @throws UnfooledError for input that makes no sense; errors of parseArgs pass through. */
  run(args: readonly string[], output: Output): Promise<ExitCode>
}

/** @throws SettingsError when the text is no number in the range. */
export function parseNumber(option: string, text: string, range: string, inRange: (value: number) => boolean): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (Number.isFinite(value) && inRange(value)) return value
  throw new SettingsError(`--${option} must be ${range}, but is ${JSON.stringify(text)}.`)
}

/** @throws SettingsError when the text is none of the choices. */
export function parseChoice<Choice extends string>(option: string, text: string, choices: readonly Choice[]): Choice {
  if (choices.includes(text as Choice)) return text as Choice
  throw new SettingsError(`--${option} must be one of ${choices.join(', ')}, but is ${JSON.stringify(text)}.`)
}
