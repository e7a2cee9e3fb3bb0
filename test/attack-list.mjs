/**
 * Every attack on classifiers, as the tests and the bench run it. `make` builds it for a norm and, where the attack has
 * one, a radius; `quick` takes fewer iterations, for tests of what any number of them must do.
 * @param {typeof import('../src/index.js')} unfooled
 */
export function attackList(unfooled) {
  const every = ['linf', 'l2', 'l1']
  const gradientBased = [
    ['fgsm', [...every, 'l3'], ({ norm, epsilon }) => unfooled.fgsm({ norm, epsilon })],
    ['rfgsm', [...every, 'l3'], ({ norm, epsilon }) => unfooled.rfgsm({ norm, epsilon })],
    ['bim', [...every, 'l3'], ({ norm, epsilon }) => unfooled.bim({ norm, epsilon })],
    ['pgd', [...every, 'l3'], ({ norm, epsilon, quick }) => unfooled.pgd({ norm, epsilon, steps: quick ? 10 : 40 })],
    ['gnm', [...every, 'l3'], ({ norm, epsilon }) => unfooled.gnm({ norm, epsilon })],
    ['algorithm1', [...every, 'l1.5'], ({ norm, epsilon }) => unfooled.algorithm1({ norm, epsilon })],
    ['algorithm2', [...every, 'l3'], ({ norm, epsilon }) => unfooled.algorithm2({ norm, epsilon })],
    [
      'ensemble',
      [...every, 'l3'],
      ({ norm, epsilon, model }) => unfooled.ensemble({ norm, epsilon, surrogates: [model] }),
    ],
    ['apgd', every, ({ norm, epsilon, quick }) => unfooled.apgd({ norm, epsilon, steps: quick ? 20 : 100 })],
    [
      'apgdTargeted',
      every,
      ({ norm, epsilon, quick }) => unfooled.apgdTargeted({ norm, epsilon, steps: quick ? 10 : 100 }),
    ],
    ['deepFool', [...every, 'l3'], ({ norm }) => unfooled.deepFool({ norm })],
    ['fab', every, ({ norm, quick }) => unfooled.fab({ norm, steps: quick ? 10 : 100 })],
    ['fabTargeted', every, ({ norm, quick }) => unfooled.fabTargeted({ norm, steps: quick ? 5 : 100 })],
    ['ddn', ['l2'], ({ quick }) => unfooled.ddn({ steps: quick ? 30 : 100 })],
    ['fmn', [...every, 'l0'], ({ norm, quick }) => unfooled.fmn({ norm, steps: quick ? 30 : 100 })],
    ['carliniWagner', ['l2'], ({ quick }) => unfooled.carliniWagner(quick ? { steps: 30, binarySearchSteps: 4 } : {})],
    ['ead', ['l1'], ({ quick }) => unfooled.ead(quick ? { steps: 30, binarySearchSteps: 4 } : {})],
    ['alma', ['l2', 'l1'], ({ norm, quick }) => unfooled.alma({ norm, steps: quick ? 100 : 300 })],
    [
      'boundaryProjection',
      ['linf', 'l2'],
      ({ norm, quick }) => unfooled.boundaryProjection({ norm, steps: quick ? 5 : 20 }),
    ],
    ['linearRegion', every, ({ norm, quick }) => unfooled.linearRegion({ norm, kicks: quick ? 2 : 20 })],
    ['lbfgs', ['l2'], ({ quick }) => unfooled.lbfgs(quick ? { bisections: 3 } : {})],
    ['fastGradientSignSearch', ['linf'], () => unfooled.fastGradientSignSearch()],
    ['fastGradientValue', ['l2'], () => unfooled.fastGradientValue()],
    ['hotCold', ['l2'], () => unfooled.hotCold()],
    ['iterativePerturbation', ['linf'], ({ epsilon }) => unfooled.iterativePerturbation({ stepSize: epsilon / 20 })],
  ]
  const withoutGradients = [
    ['randomNoise', every, ({ norm, epsilon }) => unfooled.randomNoise({ norm, epsilon })],
    [
      'square',
      ['linf', 'l2'],
      ({ norm, epsilon, quick }) => unfooled.square({ norm, epsilon, queries: quick ? 200 : 1000 }),
    ],
    ['rayS', ['linf'], ({ quick }) => unfooled.rayS({ queries: quick ? 200 : 1000 })],
    ['hopSkipJump', ['l2'], ({ quick }) => unfooled.hopSkipJump({ queries: quick ? 200 : 2000 })],
  ]
  const ofOthers = [
    [
      'transfer',
      ['linf'],
      ({ epsilon, model }) => unfooled.transfer({ attack: unfooled.fgsm({ epsilon }), surrogates: [model] }),
    ],
    [
      'firstSuccess',
      ['linf'],
      ({ epsilon }) => unfooled.firstSuccess([unfooled.fgsm({ epsilon }), unfooled.bim({ epsilon })]),
    ],
  ]
  /** @type {readonly ListedAttack[]} */
  const list = [...gradientBased, ...withoutGradients, ...ofOthers].map(([name, norms, make]) => ({
    name,
    norms,
    make,
  }))
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
