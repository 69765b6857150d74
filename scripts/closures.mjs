/**
 * node scripts/closures.mjs [--json]: prints how the files of src hang together. Run-time circles
 * would be files that load each other. A circle of types can be read only as a whole. The closure
 * of an entry is every file that its import loads. The files of a wire spec are the files with code
 * that turns the text of `--wire` into the stages of a cable; they are found by running dist/.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAst } from 'vitest/node'
import { importsOf } from './check-imports.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const SPEC = 'delay 20ms loss 1%'

/** Returns, for each file of src, the files that it loads, and all files that it names. */
function graph() {
  const files = readdirSync(join(root, 'src'), { recursive: true }).filter(file => file.endsWith('.ts'))
  const [values, all] = [new Map(), new Map()]
  for (const file of files) {
    const program = parseAst(readFileSync(join(root, 'src', file), 'utf8'), { lang: 'ts', astType: 'ts' }, file)
    const targets = specifiers =>
      [...new Set(specifiers.filter(name => name?.startsWith('.')).map(name => join(dirname(file), name)))].filter(
        target => files.includes(target),
      )
    all.set(file, targets(importsOf(program).map(({ specifier }) => specifier)))
    values.set(file, targets(program.body.filter(isLoaded).map(({ source }) => source.value)))
  }
  return { values, all }
}

/** With verbatimModuleSyntax, every import loads its file unless all of it is `import type`. */
function isLoaded({ source, importKind, exportKind }) {
  return source != null && importKind !== 'type' && exportKind !== 'type'
}

/** Returns the sets of two files or more that lead to each other, the largest first (Tarjan). */
export function circles(edges) {
  const [index, low, stack, found] = [new Map(), new Map(), [], []]
  function visit(file) {
    index.set(file, index.size)
    low.set(file, index.get(file))
    stack.push(file)
    for (const to of edges.get(file)) {
      if (!index.has(to)) visit(to)
      if (stack.includes(to)) low.set(file, Math.min(low.get(file), low.get(to)))
    }
    if (low.get(file) !== index.get(file)) return
    const circle = stack.splice(stack.indexOf(file))
    if (circle.length > 1) found.push(circle.sort())
  }
  for (const file of edges.keys()) if (!index.has(file)) visit(file)
  return found.sort((a, b) => b.length - a.length)
}

/** Returns every file that `entry` leads to, itself included. */
export function closure(edges, entry) {
  const found = new Set([entry])
  for (const file of found) for (const to of edges.get(file)) found.add(to)
  return [...found].sort()
}

/**
 * Returns the files of dist/ with functions that run when a spec becomes the stages of a cable,
 * except files that also run for a cable without stages (`all`), and the files among them that do
 * not run for a stage that a program makes without a text (`text`).
 */
async function wireFiles() {
  const { cable } = await import('../dist/drivers/index.js')
  const { defaultParams } = await import('../dist/index.js')
  const { Log, LOGLEVEL_ERR, Net } = await import('../dist/net.js')
  const { FakeClock, MemoryPlatform } = await import('../dist/bed/index.js')
  const session = new Session()
  session.connect()
  const post = (method, params) => {
    let result
    session.post(method, params, (error, reply) => {
      if (error) throw error
      result = reply
    })
    return result
  }
  function filesOf(wire, stages = []) {
    const net = new Net({
      platform: new MemoryPlatform(),
      clock: new FakeClock(),
      log: new Log(LOGLEVEL_ERR, () => {}),
    })
    post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
    const [{ dev }] = cable.init({ ...defaultParams(cable.params), wire }, { args: ['a', 'b'], names: [], net })
    if (stages.length > 0) dev.netdevOps.ndoGetWires(dev)[0].set(stages)
    const { result } = post('Profiler.takePreciseCoverage')
    post('Profiler.stopPreciseCoverage')
    const dist = new URL('../dist/', import.meta.url).href
    // The first function of a file is its top level, which ran when the file was loaded.
    const ran = result.filter(({ functions }) =>
      functions.some(({ functionName, ranges }) => functionName !== '' && ranges[0].count > 0),
    )
    return ran
      .map(({ url }) => url)
      .filter(url => url.startsWith(dist))
      .map(url => url.slice(dist.length))
  }
  post('Profiler.enable')
  const without = filesOf(undefined)
  const made = filesOf(undefined, [next => next])
  const all = filesOf(SPEC)
    .filter(file => !without.includes(file) && !file.startsWith('testing/'))
    .sort()
  return { text: all.filter(file => !made.includes(file)), all }
}

const roomOf = circle => [...new Set(circle.map(file => file.split('/')[0]))].join(', ')

export async function measure() {
  const { values, all } = graph()
  return {
    runTime: circles(values),
    types: circles(all).map(files => ({ room: roomOf(files), files })),
    index: closure(values, 'index.ts'),
    tap: closure(values, 'tap.ts'),
    ...(await wireFiles()),
  }
}

if (process.argv[1] === import.meta.filename) {
  const { runTime, types, index, tap, text, all } = await measure()
  if (process.argv[2] === '--json') console.log(JSON.stringify({ runTime, types, index, tap, text, all }))
  else {
    console.log(`run-time circles: ${runTime.length}`)
    for (const circle of runTime) console.log(`  ${circle.join(' ')}`)
    console.log(`circles of types: ${types.length}`)
    for (const { room, files } of types) console.log(`  ${room}, ${files.length} files: ${files.join(' ')}`)
    console.log(`files that import ... from 'vnet' loads: ${index.length}`)
    console.log(`files that import ... from 'vnet/tap' loads: ${tap.length}`)
    console.log(`files that the text of --wire crosses: ${text.length}\n  ${text.join(' ')}`)
    console.log(`with those of a chain of any stages: ${all.length}`)
  }
}
