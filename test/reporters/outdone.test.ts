import { expect, test } from 'vitest'
import { outdone } from '../../reporters/outdone.js'
import type { AttackEvidence } from '../../src/checks/evidence.js'
import { attackEvidence } from './evidence.js'

const none = Number.NaN

function evidence(name: string, epsilon: number | undefined, distances: number[]): AttackEvidence {
  const { finding } = attackEvidence()
  const perSample = { ...finding!.perSample, distances: Float64Array.from([...distances, none]) }
  return attackEvidence({ finding: { ...finding!, perSample } }, { name, epsilon })
}

const warn = (attack: AttackEvidence, ...others: AttackEvidence[]) =>
  outdone(
    attack,
    [attack, ...others].map((recorded) => ({ file: 'a', test: 'b', evidence: recorded })),
  )

const pgd = (...distances: number[]) => evidence('pgd', 0.1, distances)
const noise = (...distances: number[]) => evidence('randomNoise', 0.1, distances)

test('noise that fools more than pgd within its radius raises a warning', () => {
  const [warning] = warn(pgd(none, none, 0.1), noise(0.1, 0.1, none))
  expect(warning).toMatch(/^randomNoise fools 2 samples that pgd leaves standing .* and 1 the other way round/)
})

test.each<[string, AttackEvidence, AttackEvidence]>([
  ['as many of other samples', pgd(0.1, none, none), noise(none, 0.1, none)],
  ['further away than its radius', pgd(none, none, none), noise(0.11, 0.2, 0.3)],
  ['closer, where any distance will do', pgd(0.1, 0.1, none), noise(0.05, 0.05, none)],
  ['in another norm', pgd(none, none, none), { ...noise(0.1, 0.1, 0.1), attack: { ...noise().attack, norm: 'l2' } }],
  ['other samples', pgd(none, none, none), { ...noise(0.1, 0.1, 0.1), samples: { ...noise().samples, sha256: 'ff' } }],
  ['a baseline itself', noise(none, none, none), evidence('fgsm', 0.1, [0.1, 0.1, 0.1])],
])('nothing is said about noise that fools %s', (_, attack, rival) => {
  expect(warn(attack, rival)).toEqual([])
})

test('of a minimal-distance attack the distances count', () => {
  const [warning] = warn(evidence('deepFool', undefined, [0.3, 0.2, 0.1]), evidence('fgsm', 0.5, [0.2, 0.1, 0.4]))
  expect(warning).toMatch(/fgsm fools 2 samples that deepFool leaves standing or fools only further away, and 1 the/)
  expect(warn(evidence('deepFool', undefined, [0.2, 0.1]), evidence('fgsm', 0.5, [0.2, 0.1]))).toEqual([])
})
