import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { unfooled } from './command-line.js'

test.each([
  [['--help']],
  [['audit', '--help']],
  [['init', '--help']],
  [['report', '--help']],
  [['merge', '--help']],
  [['gate', '--help']],
])('%j prints help', async (args) => {
  const { code, printed, noted } = await unfooled(...args)
  expect({ code, noted }).toEqual({ code: 0, noted: '' })
  expect(printed).toMatchSnapshot()
  expect(await unfooled(...args.map((arg) => arg.replace('--help', '-h')))).toEqual({ code, printed, noted })
  expect(printed.split('\n').every((line) => line.length <= 130)).toBe(true)
})

test('docs/cli.md has the help of every verb', async () => {
  const docs = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8')
  const verbs = [...(await unfooled('--help')).printed.matchAll(/^ {2}(\w+) {2}/gm)].map(([, verb]) => verb)
  expect(verbs.length).toBeGreaterThan(4)
  for (const verb of verbs) {
    const { printed } = await unfooled(verb, '--help')
    expect(docs).toContain(`## ${verb}\n\n\`\`\`\n${printed}\n\`\`\`\n`)
  }
})

test('without a verb, or with another, there is help and exit code 2', async () => {
  const { printed: help } = await unfooled('--help')
  expect(await unfooled()).toEqual({ code: 2, printed: '', noted: help })
  for (const verb of ['toString', 'audti']) {
    expect(await unfooled(verb, 'model.onnx')).toEqual({
      code: 2,
      printed: '',
      noted: `There is no verb "${verb}".\n\n${help}`,
    })
  }
})

test('the version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  expect(await unfooled('--version')).toEqual({ code: 0, printed: version, noted: '' })
})
