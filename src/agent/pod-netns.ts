/** The network namespace of a pod or process: a daemon that missed its end knows by it. */
import { statSync } from 'node:fs'
import { attempt } from '../base/index.ts'

/** The namespaces that runtimes name. Another path could be a device or a FIFO. */
const PATH = /^(\/proc\/\d+\/(task\/\d+\/)?ns\/net|\/(var\/)?run\/(docker\/)?netns\/[\w.-]+)$/

export interface PodNetns {
  readonly path: string
  readonly inode: number
}

export const isNetnsPath = (path: string): boolean => PATH.test(path)

/** Returns the namespace at a path; undefined if the path is not one, or it does not exist. */
export function podNetnsAt(path: string): PodNetns | undefined {
  const inode = isNetnsPath(path) ? attempt(() => statSync(path).ino) : undefined
  return inode === undefined ? undefined : { path, inode }
}

/** Whether it still exists. One that is not known does. */
export const isThere = (netns: PodNetns | undefined): boolean =>
  netns === undefined || podNetnsAt(netns.path)?.inode === netns.inode

/** Checks a namespace of a state file. */
export const isPodNetns = (value: unknown): value is PodNetns | undefined => {
  const { path, inode } = (value ?? {}) as Partial<PodNetns>
  return value === undefined || (typeof path === 'string' && Number.isSafeInteger(inode))
}
