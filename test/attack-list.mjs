/**
 * Every attack on classifiers, as the tests and the bench run it. `make` builds it for a norm and, where the attack has
 * one, a radius; `quick` takes fewer iterations, for tests of what any number of them must do.
 * @param {typeof import('../src/index.js')} unfooled
 */
export function attackList(unfooled) {
  const { deepFool, fgsm, pgd, randomNoise } = unfooled
  /** @type {readonly ListedAttack[]} */
  const list = [
    { name: 'randomNoise', norms: ['linf', 'l2', 'l1'], make: ({ norm, epsilon }) => randomNoise({ norm, epsilon }) },
    { name: 'fgsm', norms: ['linf', 'l2', 'l1'], make: ({ norm, epsilon }) => fgsm({ norm, epsilon }) },
    {
      name: 'pgd',
      norms: ['linf', 'l2', 'l1'],
      make: ({ norm, epsilon, quick }) => pgd({ norm, epsilon, steps: quick ? 10 : 40 }),
    },
    { name: 'deepFool', norms: ['linf', 'l2'], make: ({ norm }) => deepFool({ norm }) },
  ]
  return list
}

/**
 * @typedef {object} ListedAttack
 * @property {string} name
 * @property {readonly import('../src/index.js').AttackNorm[]} norms
 * @property {(setting: AttackSetting) => import('../src/index.js').Attack} make
 *
 * @typedef {object} AttackSetting
 * @property {any} norm One of the attack's norms.
 * @property {number} epsilon
 * @property {boolean} [quick]
 * @property {import('../src/index.js').Classifier} model For attacks that go by another model: the same one serves.
 */
