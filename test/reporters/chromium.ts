import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'

/** Path of a Chromium on this machine. Without one, what needs it fails in CI, and is skipped elsewhere. */
export function findChromium(): string | undefined {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'chrome']
  const folders = (process.env.PATH ?? '').split(delimiter)
  const found = folders.flatMap((folder) => names.map((name) => join(folder, name))).find(isExecutable)
  if (found === undefined && process.env.CI)
    throw new Error('There is no Chromium: install one, such as the Debian package.')
  return found
}

/** A page in headless Chromium, driven by the DevTools protocol. */
export class Chromium {
  /** Errors, warnings and refused resources, in the order in which the page reported them. */
  readonly complaints: string[] = []
  readonly #process: ChildProcess
  readonly #profile: string
  readonly #waiting = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>()
  readonly #loaded: (() => void)[] = []
  #session: string | undefined
  #calls = 0
  #received = ''

  private constructor(path: string) {
    this.#profile = mkdtempSync(join(tmpdir(), 'unfooled-chromium-'))
    const options = ['--headless', '--no-sandbox', '--disable-gpu', '--remote-debugging-pipe', '--no-first-run']
    this.#process = spawn(path, [...options, `--user-data-dir=${this.#profile}`, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
      // A group of processes of its own, which can be killed together: none is left that writes to the profile.
      detached: true,
    })
    const output = this.#process.stdio[4] as Readable
    output.setEncoding('utf8').on('data', (text: string) => this.#receive(text))
  }

  static async open(path: string, url: string): Promise<Chromium> {
    const chromium = new Chromium(path)
    const { targetId } = await chromium.send<{ targetId: string }>('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await chromium.send<{ sessionId: string }>('Target.attachToTarget', {
      targetId,
      flatten: true,
    })
    chromium.#session = sessionId
    for (const domain of ['Page', 'Runtime', 'Log']) await chromium.send(`${domain}.enable`)
    const loaded = new Promise<void>((resolve) => chromium.#loaded.push(resolve))
    await chromium.send('Page.navigate', { url })
    await loaded
    return chromium
  }

  send<Result>(method: string, params: object = {}): Promise<Result> {
    const id = ++this.#calls
    const input = this.#process.stdio[3] as Writable
    input.write(`${JSON.stringify({ id, method, params, sessionId: this.#session })}\0`)
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  /** Value of an expression in the page. */
  async evaluate<Value>(expression: string): Promise<Value> {
    const { result, exceptionDetails } = await this.send<{ result: { value: Value }; exceptionDetails?: object }>(
      'Runtime.evaluate',
      { expression, returnByValue: true, awaitPromise: true },
    )
    if (exceptionDetails) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`)
    return result.value
  }

  async press(key: string): Promise<void> {
    const text = key === 'Enter' ? '\r' : key === ' ' ? ' ' : undefined
    const code = { Tab: 9, Enter: 13, ' ': 32 }[key]
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', key, text, windowsVirtualKeyCode: code })
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', key, windowsVirtualKeyCode: code })
  }

  /**
   * Presses Tab as often as there is something to operate, which is numbered in the order of the page; says what had the
   * focus after each press.
   */
  async tabThrough(): Promise<{ readonly operable: number; readonly reached: readonly number[] }> {
    const operable = await this.evaluate<number>(`
      document.activeElement.blur()
      window.operable = [...document.querySelectorAll('a, summary, button, select, input, [tabindex]')]
        .filter((each) => each.checkVisibility())
      operable.length`)
    const reached: number[] = []
    for (let press = 0; press < operable; press++) {
      await this.press('Tab')
      reached.push(await this.evaluate<number>('operable.indexOf(document.activeElement)'))
    }
    return { operable, reached }
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#process.once('exit', resolve))
    process.kill(-this.#process.pid!, 'SIGKILL')
    await closed
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 })
  }

  #receive(text: string): void {
    const messages = (this.#received + text).split('\0')
    this.#received = messages.pop()!
    for (const message of messages) {
      const { id, result, error, method, params } = JSON.parse(message)
      if (error) this.#waiting.get(id)?.reject(new Error(error.message))
      else if (id !== undefined) this.#waiting.get(id)?.resolve(result as never)
      else if (method === 'Page.loadEventFired') for (const resolve of this.#loaded) resolve()
      else if (['Runtime.exceptionThrown', 'Runtime.consoleAPICalled', 'Log.entryAdded'].includes(method)) {
        this.complaints.push(JSON.stringify(params))
      }
    }
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
