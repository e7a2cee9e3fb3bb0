/** What runs a graph: onnxruntime's CPU kernels, or one of its execution providers for accelerators. */
export type Device = 'cpu' | 'cuda' | 'dml' | 'coreml' | 'webgpu'

/** In the order in which `auto` tries them: what is written for the hardware first. */
export const accelerators = ['cuda', 'dml', 'coreml', 'webgpu'] as const

export function isAccelerator(device: string): boolean {
  return accelerators.some((each) => each === device)
}
