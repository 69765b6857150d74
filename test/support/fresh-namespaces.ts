/**
 * The environment of a kernel test: namespaces of its own, a directory, and driver files.
 *
 * The returned objects belong to the file, and their content to one test: it is made before each
 * test, and removed after it, whether the test passes or not. Hooks that the file adds later run
 * while it exists.
 */
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import { DriverFiles } from './driver-files.ts'
import { freshDirectory } from './fresh-directory.ts'
import { type Netns, OwnNetns } from './netns.ts'

type Fresh<Name extends string> = Readonly<Record<Name, Netns>> & {
  readonly own: OwnNetns
  /** The same path in each test of a file. Drivers are in `files`, where each test has its own. */
  readonly directory: string
  readonly files: DriverFiles
}

/** Makes a namespace for each name. */
export function freshNamespaces<Name extends string>(...names: readonly Name[]): Fresh<Name> {
  return fresh(names, (_, netns) => netns)
}

/** Makes a namespace for each name, in which the kernel sends nothing by itself. */
export function freshQuietNamespaces<Name extends string>(...names: readonly Name[]): Fresh<Name> {
  return fresh(names, (own, netns) => own.silence(netns))
}

function fresh<Name extends string>(
  names: readonly Name[],
  prepare: (own: OwnNetns, netns: Netns) => Netns,
): Fresh<Name> {
  const directory = freshDirectory()
  const drivers = freshDirectory()
  const files = new DriverFiles(drivers)
  const own = new OwnNetns()
  const namespaces = Object.fromEntries(names.map(name => [name, {}])) as Record<Name, Netns>
  beforeEach(() => {
    files.moveTo(mkdtempSync(join(drivers, 'of-test-')))
    for (const [i, netns] of own.addAll(names.length).entries()) {
      Object.assign(namespaces[names[i] as Name], prepare(own, netns))
    }
  })
  // Before the directory, because programs that run in a namespace use it.
  afterEach(() => own.remove())
  return { ...namespaces, own, directory, files }
}
