import { SettingsError } from '../../errors.js'
import { projectOntoBall } from '../../geometry/projection.js'
import type { PerSample } from '../../sampling/per-sample.js'
import { range, rowOf } from '../../sampling/rows.js'
import type { Attack, AttackCandidates, AttackContext } from '../attack.js'
import { checkList, recordedAttacks } from '../check-settings.js'
import { unchanged } from '../iteration/run-loop.js'
import { stillStanding } from '../iteration/still-standing.js'
import { runMethod } from '../run-method.js'
import { restrictContext } from './restrict-context.js'

/**
 * Runs attacks one after the other, each on the samples that still stand: at least as strong as every one of them. Attacks
 * with a radius must have the same one; minimal-distance attacks count where they end within it.
 * @throws SettingsError when the list is empty or has no attack with a radius, or when norm, radius or target differ.
 */
export function firstSuccess(attacks: readonly Attack[]): Attack {
  checkList('firstSuccess', 'attacks', attacks, 'run', 'attacks such as apgd({ epsilon: 0.1 })')
  const [leader] = attacks.filter(({ kind }) => kind === 'fixed-epsilon')
  if (!leader) throw new SettingsError('firstSuccess needs at least one attack with a radius epsilon.')
  for (const { name, kind, norm, epsilon, target } of attacks) {
    if (norm !== leader.norm) throw mismatch('norm', leader, name)
    if (kind === 'fixed-epsilon' && !equal(epsilon, leader.epsilon)) throw mismatch('epsilon', leader, name)
    if (!equal(target, leader.target)) throw mismatch('target', leader, name)
  }
  const { norm, epsilon, target, settings } = leader
  return {
    name: 'firstSuccess',
    kind: 'fixed-epsilon',
    norm,
    epsilon,
    target,
    settings: {
      norm,
      epsilon: settings.epsilon,
      ...(target !== undefined && { target: settings.target }),
      attacks: recordedAttacks(attacks, ['norm', 'epsilon', 'target']),
    },
    run: (context) => run(context, attacks),
  }
}

async function run(context: AttackContext, attacks: readonly Attack[]): Promise<AttackCandidates> {
  const { model, inputs, labels, epsilons } = context
  const size = model.domain.lower.length
  const flatScores = new Uint8Array(labels.length)
  const candidates = { ...unchanged(context), flatScores }
  const { adversarial, steps, gradientQueries, forwardQueries, vanishedGradients } = candidates
  /** 1 for each sample of which an attack had gradients or scores to go by. */
  const isLed = new Uint8Array(labels.length)
  const foundBy = Array<string | undefined>(labels.length).fill(undefined)
  let standing = range(labels.length)
  for (const [index, method] of attacks.entries()) {
    if (standing.length === 0) break
    const before = labels.length - standing.length
    const part = restrictContext(context, standing, (fraction, fooled = 0) =>
      context.progress((index + fraction) / attacks.length, before + fooled),
    )
    const found = await runMethod(method, part)
    standing.forEach((sample, row) => {
      const [center, point] = [inputs.data, adversarial].map((data) => rowOf(data, size, sample))
      point.set(rowOf(found.adversarial, size, row))
      projectOntoBall(point, { norm: method.norm, center, radius: epsilons![sample] }, model.domain)
      steps[sample] += found.steps[row]
      gradientQueries[sample] += found.gradientQueries[row]
      forwardQueries[sample] += found.forwardQueries?.[row] ?? 0
      if (found.gradientQueries[row] > 0 && !found.vanishedGradients?.[row]) vanishedGradients[sample] = 0
      if (!vanishedGradients[sample] || found.flatScores?.[row] === 0) isLed[sample] = 1
      flatScores[sample] = isLed[sample] ? 0 : flatScores[sample] || (found.flatScores?.[row] ?? 0)
    })
    const left = new Set(await stillStanding(context, adversarial, standing, forwardQueries))
    for (const sample of standing) if (!left.has(sample)) foundBy[sample] = method.name
    standing = [...left]
    if (found.interrupted) return { ...candidates, foundBy, interrupted: true }
  }
  return { ...candidates, foundBy }
}

function equal(left: PerSample | undefined, right: PerSample | undefined): boolean {
  if (typeof left !== 'object' || typeof right !== 'object') return left === right
  return left.length === right.length && Array.from(left).every((value, index) => value === right[index])
}

function mismatch(setting: string, { name }: Attack, other: string): SettingsError {
  return new SettingsError(
    `firstSuccess: ${other} and ${name} differ in ${setting}; attacks that follow each other must agree on it.`,
  )
}
