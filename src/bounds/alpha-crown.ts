import { settingsOf } from '../arguments.js'
import { checkCount } from '../attacks/check-settings.js'
import type { Bound } from './bound.js'
import { checkRounds } from './check-settings.js'
import { type CrownSettings, relaxationBound } from './crown.js'
import { boundWithinHalfSpaces } from './half-spaces.js'
import type { RowBounds } from './row-bounds.js'
import { marginRows, marginsOf } from './rows.js'

export interface AlphaCrownSettings extends CrownSettings {
  /** Steps of the lower slopes; the first few gain most. Default 10. */
  readonly iterations?: number
  /** As in {@link crown}, with steps of the slopes for these margins too. Default 2. 0 is α-CROWN as published. */
  readonly cuts?: number
}

/**
 * α-CROWN: linear relaxation of the whole network with optimised lower slopes (Xu, Zhang, Wang, Wang, Jana, Lin and
 * Hsieh, "Fast and complete: enabling complete verification with rapid and massively parallel incomplete verifiers", ICLR
 * 2021). Every margin has slopes of its own, and so has every bound of an intermediate layer that stays loose with those
 * of `crown`. The steps are Frank and Wolfe's, and the best bound on the way counts: none is looser than CROWN's.
 * Operators without a choice of lower lines, such as Sigmoid, are relaxed as in CROWN.
 * @throws SettingsError for settings that do not exist; when it runs, UnsupportedOperatorError for operators that have no
 * relaxation.
 */
export function alphaCrown(settings: AlphaCrownSettings): Bound {
  const { iterations = 10, cuts = 2, ...relaxation } = settingsOf('alphaCrown', settings, "{ norm: 'linf' }")
  checkCount('alphaCrown', 'iterations', iterations)
  checkRounds('alphaCrown', 'cuts', cuts)
  return relaxationBound(
    'alphaCrown',
    relaxation,
    async (refinement, { model, labels }) => {
      const rows = marginRows(labels, model.classes)
      const first = await refinement.refineAndBound(rows)
      // Chords over tighter ranges are steeper, so that better bounds of the layers before may do harm.
      const tightened = larger(
        await refinement.refineAndBound(rows, { ofValues: iterations, ofLogits: iterations }),
        first,
      )
      const bounds = await boundWithinHalfSpaces(refinement, rows, tightened, { rounds: cuts, iterations })
      return marginsOf(rows, bounds, labels.length, model.classes)
    },
    { iterations, cuts },
  )
}

function larger({ bounds, functions }: RowBounds, other: RowBounds): RowBounds {
  return { bounds: bounds.map((bound, row) => Math.max(bound, other.bounds[row])), functions }
}
