/**
 * node scripts/doors.mjs: prints each door of src/kit with its number of names, then each name that
 * only one package uses, with that package and a file of the core that uses it, too. A name without
 * such a file belongs in its package.
 */

import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { importsOf, programOf, sources, usersOfDoors } from './check-imports.mjs'
import { Doors } from './setup/doors.mjs'

const root = resolve(import.meta.dirname, '..')

/**
 * Returns the names of all doors, each with its door, the packages that use it, and the first file
 * of the core that names it, other than a door and an index; undefined if there is none. The file
 * that declares it counts if the name stands in it again.
 */
export function doorNames() {
  const doors = new Doors(root)
  const files = sources(root).map(({ file, path }) => ({
    file,
    path,
    text: readFileSync(join(root, path), 'utf8'),
  }))
  const users = usersOfDoors(
    files.map(({ file, path, text }) => [path, importsOf(programOf(file, text))]),
  )
  const core = files.filter(
    ({ path }) => path.startsWith('src/') && !/^src\/kit\/|\/index\.ts$/.test(path),
  )
  return files
    .filter(({ file }) => file.startsWith('kit/'))
    .flatMap(({ file }) => {
      const door = `vnet/${file.replace(/\.ts$/, '')}`
      return [...doors.exportsOf(doors.pathOf(door))].map(([name, { file, own }]) => ({
        door,
        name,
        packages: [...(users.get(`${door} ${name}`) ?? [])],
        inCore: fileWith(own === '*' ? doors.nameOf(file) : own, `src/${doors.nameOf(file)}`, core),
      }))
    })
}

/** Returns the first file of the core that uses a name, or imports a module such as `a/b.ts`. */
function fileWith(name, declaring, core) {
  const isModule = name.endsWith('.ts')
  const pattern = isModule
    ? new RegExp(`/${name.replace(/^.*\//, '').replace('.', '\\.')}'`)
    : new RegExp(`\\b${name}\\b`, 'g')
  const uses = ({ path, text }) =>
    (text.match(pattern)?.length ?? 0) > (path === declaring && !isModule ? 1 : 0)
  return core.find(uses)?.path
}

if (process.argv[1] === import.meta.filename) {
  const names = doorNames()
  for (const door of new Set(names.map(each => each.door))) {
    console.log(`${door}: ${names.filter(each => each.door === door).length} names`)
  }
  const single = names.filter(({ packages }) => packages.length === 1)
  console.log(`\n${single.length} names have one package:`)
  for (const { door, name, packages, inCore = 'nothing' } of single) {
    console.log(`${door} ${name}: ${packages[0]}, and in the core ${inCore}`)
  }
}
