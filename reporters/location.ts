import { posix, relative, sep } from 'node:path'

/** Folder of the project in the repository that GitHub Actions checked out; empty where they are the same, or it is none of it. */
export function folderInRepository(root: string): string {
  const workspace = process.env.GITHUB_WORKSPACE
  const folder = workspace ? relative(workspace, root) : ''
  return folder.startsWith('..') ? '' : folder
}

/** Path of a file in a folder, with slashes on every system: it is compared between machines, and typed into shells. */
export function pathIn(folder: string, file: string): string {
  return relative(folder, file).replaceAll(sep, '/')
}

/** Path of a file in the repository, as GitHub writes paths. */
export function inRepository(file: string, folder: string): string {
  return posix.join(folder.replaceAll('\\', '/'), file.replaceAll('\\', '/'))
}
