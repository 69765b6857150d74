/**
 * node scripts/closures.mjs [--json]: prints how the files of src and the packages hang together.
 * Run-time circles would be files that load each other. A circle of types can be read only as a
 * whole. The closure of an entry is every file that its import loads. The files of a wire spec are
 * the files with code that turns the text of `--wire` into the stages of a cable; they are found by
 * running dist/. The files that a command loads are in dist, and many of them are joined.
 */
import { readFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { SourceMap } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAst } from 'rolldown/parseAst'
import { importsOf, programOf, roomOf, sources } from './check-imports.mjs'
import { flag, readOptions } from './options.mjs'
import { builtModule } from './setup/built-module.mjs'
import { joinedFileOf } from './setup/joined.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const SPEC = 'delay 20ms loss 1%'

/** Returns, for each file of src and packages, the files that it loads, and all that it names. */
function graph() {
  const files = sources(root)
  const known = new Set(files.map(({ file }) => file))
  const [values, all] = [new Map(), new Map()]
  for (const { file, path } of files) {
    const program = programOf(file, readFileSync(join(root, path), 'utf8'))
    const targets = specifiers => {
      const found = specifiers
        .filter(name => name?.startsWith('.'))
        .map(name => join(dirname(file), name))
      return [...new Set(found)].filter(target => known.has(target))
    }
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
      if (!index.has(to)) {
        visit(to)
      }
      if (stack.includes(to)) {
        low.set(file, Math.min(low.get(file), low.get(to)))
      }
    }
    if (low.get(file) !== index.get(file)) return
    const circle = stack.splice(stack.indexOf(file))
    if (circle.length > 1) {
      found.push(circle.sort())
    }
  }
  for (const file of edges.keys()) {
    if (!index.has(file)) {
      visit(file)
    }
  }
  return found.sort((a, b) => b.length - a.length)
}

/** Returns every file that `entry` leads to, itself included. */
export function closure(edges, entry) {
  const found = new Set([entry])
  for (const file of found) {
    for (const to of edges.get(file)) {
      found.add(to)
    }
  }
  return [...found].sort()
}

/**
 * Returns the files of src with functions that run when a spec becomes the stages of a cable,
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
    const [{ dev }] = cable.init(
      { ...defaultParams(cable.params), wire },
      { args: ['a', 'b'], names: [], net },
    )
    if (stages.length > 0) {
      dev.netdevOps.ndoGetWires(dev)[0].set(stages)
    }
    const { result } = post('Profiler.takePreciseCoverage')
    post('Profiler.stopPreciseCoverage')
    const dist = new URL('../dist/', import.meta.url).href
    return [...new Set(result.filter(({ url }) => url.startsWith(dist)).flatMap(sourcesRun))]
  }
  post('Profiler.enable')
  const without = filesOf(undefined)
  const made = filesOf(undefined, [next => next])
  const all = filesOf(SPEC)
    .filter(file => !without.includes(file))
    .sort()
  return { text: all.filter(file => !made.includes(file)), all }
}

/** Returns the files of src with functions of a compiled file that ran. */
function sourcesRun({ url, functions }) {
  const file = fileURLToPath(url)
  const lines = readFileSync(file, 'utf8').split('\n')
  const map = new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8')))
  // Without a name it may be the top level, which ran when the file was loaded.
  const ran = functions.filter(
    ({ functionName, ranges }) => functionName !== '' && ranges[0].count > 0,
  )
  return ran.flatMap(({ ranges: [{ startOffset }] }) => {
    let [line, column] = [0, startOffset]
    while (column > lines[line].length) {
      column -= lines[line++].length + 1
    }
    const { originalSource } = map.findEntry(line, column)
    return originalSource === undefined ? [] : originalSource.replace(/^.*\/src\//, '')
  })
}

/** The modules that each process imports itself until its command or lab is ready, in order. */
const START = [
  'vnet',
  'cli/process/inherited-files',
  'cli/main',
  'cli/process/process-io',
  'cli/command-line',
].map(name => `dist/${name}.js`)
const RUN = [...START, 'packages/lab/dist/commands/index.js', 'packages/lab/dist/run/run.js']
const COMMANDS = {
  cable: [
    ...START,
    'dist/cli/commands/driver-command.js',
    'dist/drivers/cable.js',
    'dist/cli/run.js',
  ],
  e1000: [
    ...START,
    'dist/cli/commands/driver-command.js',
    'dist/drivers/e1000/pair.js',
    'dist/cli/run.js',
  ],
  list: [...START, 'dist/cli/commands/queries.js'],
  run: RUN,
  runInside: [
    ...RUN,
    ...['run/run-lab', 'network/lab', 'kernel/kernel-links'].map(
      name => `packages/lab/dist/${name}.js`,
    ),
  ],
  lab: [...START, 'packages/lab/dist/commands/index.js', 'packages/lab/dist/commands/lab.js'],
  inKernel: ['index', 'network/lab', 'kernel/kernel-world'].map(
    name => `packages/lab/dist/${name}.js`,
  ),
  inMemory: ['index', 'network/lab', 'memory/memory-world'].map(
    name => `packages/lab/dist/${name}.js`,
  ),
  worker: ['packages/lab/dist/kernel/lab-worker-main.js'],
}

/** Returns the compiled files that imports of these modules load, and the modules in them. */
function loadedFiles(entries) {
  const found = new Set(
    entries.map(entry => relative(root, joinedFileOf(join(root, entry)) ?? join(root, entry))),
  )
  for (const file of found) {
    if (isData(file)) continue
    const program = parseAst(readFileSync(join(root, file), 'utf8'), {}, file)
    for (const { source } of program.body.filter(isLoaded)) {
      const { folder, module } = builtModule(source.value) ?? {}
      if (module !== undefined) {
        found.add(join(folder, 'dist', `${module}.js`))
      } else if (source.value.startsWith('.')) {
        found.add(join(dirname(file), source.value))
      }
    }
  }
  const modules = [...found].flatMap(file => {
    if (isData(file)) return []
    const { sources } = JSON.parse(readFileSync(join(root, `${file}.map`), 'utf8'))
    return sources.map(source => join(dirname(file), source))
  })
  return { files: [...found].sort(), modules: [...new Set(modules)].filter(isSource).sort() }
}

const isData = file => file.endsWith('.json')

/** Whether a file of the tree, and not of the tool that joins files. */
const isSource = file => file.endsWith('.ts')

const roomsOf = circle => [...new Set(circle.map(roomOf))].join(', ')

export async function measure() {
  const { values, all } = graph()
  return {
    runTime: circles(values),
    types: circles(all).map(files => ({ room: roomsOf(files), files })),
    index: closure(values, 'index.ts'),
    tap: closure(values, 'tap.ts'),
    ...(await wireFiles()),
    commands: Object.fromEntries(
      Object.entries(COMMANDS).map(([name, entries]) => [name, loadedFiles(entries)]),
    ),
  }
}

if (process.argv[1] === import.meta.filename) {
  const { json } = readOptions({ json: flag }).values
  const measured = await measure()
  const { runTime, types, index, tap, text, all, commands } = measured
  if (json) {
    console.log(JSON.stringify(measured))
  } else {
    console.log(`run-time circles: ${runTime.length}`)
    for (const circle of runTime) {
      console.log(`  ${circle.join(' ')}`)
    }
    console.log(`circles of types: ${types.length}`)
    for (const { room, files } of types) {
      console.log(`  ${room}, ${files.length} files: ${files.join(' ')}`)
    }
    console.log(`files that import ... from 'vnet' loads: ${index.length}`)
    console.log(`files that import ... from 'vnet/tap' loads: ${tap.length}`)
    console.log(`files that the text of --wire crosses: ${text.length}\n  ${text.join(' ')}`)
    console.log(`with those of a chain of any stages: ${all.length}`)
    for (const [name, { files, modules }] of Object.entries(commands)) {
      console.log(
        `compiled files that ${name} loads: ${files.length}, of ${modules.length} modules\n  ${files.join(' ')}`,
      )
    }
  }
}
