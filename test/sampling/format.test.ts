import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { readBytes } from '../../src/sampling/formats/format.js'
import { temporaryFolder } from './temporary-folder.js'

const folderWith = temporaryFolder()

test('says how many bytes it wants to read: of Plug and Play, nothing means none', async () => {
  const path = join(folderWith({ 'a.npy': Uint8Array.of(1, 2, 3) }), 'a.npy')
  const file = await open(path)
  const read = vi.spyOn(Object.getPrototypeOf(file), 'read')
  onTestFinished(() => read.mockRestore())
  await file.close()
  expect(await readBytes(path)).toEqual(Uint8Array.of(1, 2, 3))
  expect(read).toHaveBeenCalledWith(expect.any(Uint8Array), 0, 3)
})
