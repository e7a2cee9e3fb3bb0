import { test } from 'vitest'
import { checkOperator } from './harness.js'

// onnxruntime's optimizer mishandles a Pad that is told its axes where it moves a Transpose past it; the gradient of a
// Slice between two Transposes is such a place.
test('gradients with a Pad between two Transposes run', async () => {
  await checkOperator({
    features: [2, 5],
    build(builder, input) {
      const turned = builder.add('Transpose', [input], { perm: [0, 2, 1] })
      const sliced = builder.add('Slice', [turned, builder.ints([1]), builder.ints([4]), builder.ints([1])])
      return builder.add('Transpose', [sliced], { perm: [0, 2, 1] })
    },
  })
})
