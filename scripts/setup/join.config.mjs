/**
 * rolldown -c scripts/setup/join.config.mjs --environment DIST:dist.new,PROJECT:NAME makes the
 * joined files of a project, in the directory of its compiled modules: see joined.mjs.
 */

import { readFileSync } from 'node:fs'
import { dirname, join, normalize, relative, resolve } from 'node:path'
import { slashed } from './built-module.mjs'
import { Doors } from './doors.mjs'
import { JOINED, joinedModules, withJoined } from './joined.mjs'

const { DIST, PROJECT } = process.env
const dist = resolve(DIST)
const joined = joinedModules(dist, PROJECT)
const doors = new Doors(resolve('.'))
const names = Object.keys(JOINED[PROJECT])

const isModule = path => path.endsWith('.js')

/** Lets source maps lead to the sources, past the compiled modules. Rolldown loads JSON itself. */
const modules = {
  name: 'modules',
  load: path =>
    isModule(path)
      ? {
          code: withJoined(doors.seeThrough(readFileSync(path, 'utf8'), path), path, doors),
          map: readFileSync(`${path}.map`, 'utf8'),
        }
      : undefined,
}

// biome-ignore lint/style/noDefaultExport: rolldown loads its configuration by the default export.
export default {
  input: Object.fromEntries(
    Array.from(joined.keys())
      .filter(isModule)
      .map(path => [slashed(relative(dist, path)).slice(0, -'.js'.length), path]),
  ),
  platform: 'node',
  plugins: [modules],
  external: (id, importer) =>
    importer !== undefined &&
    !joined.has(id.startsWith('.') ? join(dirname(importer), id) : normalize(id)),
  preserveEntrySignatures: 'strict',
  // No comments with the names of modules.
  experimental: { attachDebugInfo: 'none' },
  output: {
    dir: dist,
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    sourcemap: true,
    comments: false,
    minifyInternalExports: false,
    codeSplitting: {
      groups: names.map((name, i) => ({
        name,
        test: id => joined.get(normalize(id)) === name,
        priority: names.length - i,
      })),
    },
  },
}
