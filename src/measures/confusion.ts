import { checkCall } from '../arguments.js'
import type { AttackResult } from '../attacks/attack.js'

/**
 * How often a fooled sample of class i was taken for class j: [classes][classes], rows by label, columns by the class
 * predicted for the adversarial example (Peck, "Lower bounds on the robustness to adversarial perturbations", Figure 5.10).
 */
export function confusionOfFooled(result: Pick<AttackResult, 'samples'>, classes: number): number[][] {
  checkCall('confusionOfFooled(await attack(…), model.classes)', [result, 'samples'])
  const counts = Array.from({ length: classes }, () => Array<number>(classes).fill(0))
  for (const { fooled, label, adversarialPrediction } of result.samples)
    if (fooled) counts[label][adversarialPrediction]++
  return counts
}
