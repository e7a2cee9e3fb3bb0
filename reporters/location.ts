import { posix, relative } from 'node:path'

/** Folder of the project in the repository that GitHub Actions checked out; empty where they are the same, or it is none of it. */
export function folderInRepository(root: string): string {
  const workspace = process.env.GITHUB_WORKSPACE
  const folder = workspace ? relative(workspace, root) : ''
  return folder.startsWith('..') ? '' : folder
}

/** Path of a file in the repository, as GitHub writes paths. */
export function inRepository(file: string, folder: string): string {
  return posix.join(folder.replaceAll('\\', '/'), file.replaceAll('\\', '/'))
}
