/** The files of the page, in memory by name: no path of a request reaches the file system. */
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PROGRAM } from 'vnet/kit/cli'

/** A file with its media type. */
export type PageFile = Readonly<{ type: string; bytes: Buffer }>
/** The files by the paths of their URLs. */
export type PageFiles = ReadonlyMap<string, PageFile>

/** src and dist are equally deep. */
const COMPILED = fileURLToPath(new URL('../dist/', import.meta.url))

/** The files of vnet that the page imports, including indirect imports. */
const SHARED = [
  'base/joined.js',
  'base/duration.js',
  'base/printable.js',
  'capture/block-walker.js',
  'capture/input.js',
  'capture/pcapng.js',
  'packet/bpf.js',
]

/** The packages of the page. Each module is served under its specifier. */
const MODULES = [
  'preact',
  'preact/hooks',
  'preact/jsx-runtime',
  '@preact/signals',
  '@preact/signals-core',
]
const HASHES = ['hmac', 'sha2', 'utils', '_md', '_u64'].map(name => `@noble/hashes/${name}.js`)
/** Imports of both, which a browser resolves only as paths. */
const IMPORT =
  /(\bfrom\s*)(["'])(?:vnet\/built\/([\w/-]+)|(@?(?:preact|noble)(?:\/[\w-]+)*)(?:\.js)?)\2/g

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** Reads the files. */
export function readPage(): PageFiles {
  const page = join(COMPILED, 'page')
  const require = createRequire(import.meta.url)
  const uPlot = dirname(require.resolve('uplot'))
  const hashes = require.resolve('@noble/hashes/sha2.js')
  // signals-core is a dependency of signals, and may be installed inside it.
  const signals = createRequire(require.resolve('@preact/signals'))
  const paths = [
    ...readdirSync(page).map(name => [name, join(page, name)] as const),
    ['', join(page, 'index.html')] as const,
    // The page imports them as ../feed-types.js, and the root has no parent.
    ...['feed-types.js', 'lateness.js'].map(name => [name, join(COMPILED, name)] as const),
    ...SHARED.map(name => [name, join(dirname(PROGRAM), name)] as const),
    ...MODULES.map(name => [`${name}.js`, signals.resolve(name).replace(/\.js$/, '.mjs')] as const),
    ...HASHES.map(name => [name, join(dirname(hashes), basename(name))] as const),
    ['uPlot.js', join(uPlot, 'uPlot.esm.js')] as const,
    ['uPlot.css', join(uPlot, 'uPlot.min.css')] as const,
  ]
  const files = new Map<string, PageFile>()
  for (const [name, path] of paths) {
    const type = TYPES[extname(path)]
    if (type === undefined) continue
    const bytes = readFileSync(path)
    const isModule = extname(name) === '.js'
    files.set(`/${name}`, {
      type,
      bytes: isModule ? Buffer.from(`${bytes}`.replaceAll(IMPORT, '$1$2/$3$4.js$2')) : bytes,
    })
  }
  return files
}
