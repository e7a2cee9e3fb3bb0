import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { createMatchers } from '../../matchers/matchers.js'
import type { BaselinePlace } from '../../matchers/to-match-robustness-baseline.js'
import type { Evidence } from '../../src/checks/evidence.js'

type Matchers = ReturnType<typeof createMatchers>

/** A test file in a folder of its own, which goes away with the test. */
export function testFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'unfooled-baseline-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return join(folder, 'a.test.ts')
}

export interface Asserted<Check extends Evidence> {
  /** Whether the assertion passes in its runner. */
  readonly passes: boolean
  /** What is printed when it does not. */
  readonly text: string
  readonly evidence: Check
}

/** One assertion as a runner makes it. */
export async function assertion<Check extends Evidence>(
  place: BaselinePlace,
  isNot: boolean,
  assert: (matchers: Matchers, context: { isNot: boolean }) => ReturnType<Matchers['toResistAttack']>,
): Promise<Asserted<Check>> {
  const recorded: Evidence[] = []
  const test = { budget: {}, baselines: place, record: (evidence: Evidence) => recorded.push(evidence) }
  const result = await assert(
    createMatchers(() => test),
    { isNot },
  )
  const passes = result.pass !== isNot
  return { passes, text: passes ? '' : result.message(), evidence: recorded[0] as Check }
}
