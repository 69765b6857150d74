/**
 * Builds for musl with Debian's g++ and musl-tools. Debian has no libstdc++ for musl, so glibc's
 * headers of it are read with musl's, and its static library is linked, with native/musl.c for
 * functions that musl lacks. No Node on musl loads the addon here: verifyForMusl() checks all that
 * can be seen in the files.
 */

import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { capture, run, SetupError } from '../setup/command.mjs'

const LIBRARIES = '/usr/lib/x86_64-linux-musl'
const MACHINE = '/usr/include/x86_64-linux-gnu'

/** libstdc++ uses these functions if the library that it was built with has them. */
const LACKING = /^#define _GLIBCXX_USE_PTHREAD_(COND_CLOCKWAIT|MUTEX_CLOCKLOCK|RWLOCK_CLOCKLOCK) .*$/gm

/** Names of glibc's headers in libstdc++'s. The values of its character classes are never used. */
const CLASSES = [
  'upper',
  'lower',
  'alpha',
  'digit',
  'xdigit',
  'space',
  'print',
  'graph',
  'cntrl',
  'punct',
  'alnum',
  'blank',
]
const NAMES = [
  '__GLIBC_PREREQ(major,minor)=0',
  '__locale_t=locale_t',
  '_IOC_SIZEBITS=14',
  '_IOC_SIZE(n)=(((n)>>16)&0x3fff)',
  ...CLASSES.map((name, i) => `_IS${name}=${1 << i}`),
]

/** Builds the files of `targets`, as in binding.gyp, in `directory`. */
export async function buildForMusl(targets, directory, nodeHeaders) {
  const version = (await read('g++', '-dumpversion')).split('.')[0]
  const headers = join(directory, 'headers')
  rmSync(headers, { recursive: true, force: true })
  mkdirSync(join(headers, 'bits'), { recursive: true })
  const config = readFileSync(`${MACHINE}/c++/${version}/bits/c++config.h`, 'utf8')
  writeFileSync(join(headers, 'bits/c++config.h'), config.replace(LACKING, ''))
  for (const name of ['linux', 'asm-generic']) symlinkSync(`/usr/include/${name}`, join(headers, name))
  symlinkSync(`${MACHINE}/asm`, join(headers, 'asm'))
  const system = [
    headers,
    `/usr/include/c++/${version}`,
    `${MACHINE}/c++/${version}`,
    '/usr/include/x86_64-linux-musl',
    join(await read('g++', '-print-file-name=include')),
  ].flatMap(path => ['-isystem', path])
  const includes = [nodeHeaders, resolve('node_modules/node-addon-api')].map(path => `-I${path}`)
  const common = ['-c', '-O2', '-fPIC', '-U_FORTIFY_SOURCE', '-nostdinc', ...system]
  const cxx = ['-std=c++20', '-fno-exceptions', '-fno-rtti', '-fvisibility=hidden', ...NAMES.map(name => `-D${name}`)]
  const objects = new Map()
  for (const { sources, defines } of targets) {
    for (const source of [...sources, 'native/musl.c']) {
      if (objects.has(source)) continue
      const object = join(directory, `${basename(source)}.o`)
      const own = source.endsWith('.c') ? [] : [...cxx, ...includes, ...defines.map(name => `-D${name}`)]
      await run(`compiling ${source} for musl`, [
        'g++',
        ...common,
        ...own,
        ...(own.length ? [] : ['-xc']),
        source,
        '-o',
        object,
      ])
      objects.set(source, object)
    }
  }
  for (const { name, sources } of targets)
    await link(
      name,
      [...sources, 'native/musl.c'].map(source => objects.get(source)),
      directory,
    )
}

async function link(name, objects, directory) {
  const at = file => join(LIBRARIES, file)
  const out = ['-nostdlib', '-o', join(directory, name)]
  const runtime = ['-lstdc++', '-lgcc_eh', '-lgcc', `-L${LIBRARIES}`]
  const isAddon = name.endsWith('.node')
  const words = isAddon
    ? [
        '-shared',
        ...out,
        at('crti.o'),
        ...objects,
        '-Wl,-Bstatic',
        '-Wl,--start-group',
        ...runtime,
        '-Wl,--end-group',
        '-Wl,-Bdynamic',
        '-lc',
        at('crtn.o'),
      ]
    : [
        '-static',
        ...out,
        at('crt1.o'),
        at('crti.o'),
        ...objects,
        '-Wl,--start-group',
        ...runtime,
        '-lc',
        '-Wl,--end-group',
        at('crtn.o'),
      ]
  await run(`linking ${name} for musl`, ['g++', ...words])
}

/** Checks that a file needs no other library than musl's, and nothing that musl and Node lack. */
export async function verifyForMusl(file) {
  const needed = [...(await read('readelf', '-dW', file)).matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name)
  const isWrong = needed.some(name => name !== 'libc.so') || (await read('readelf', '-VW', file)).includes('GLIBC')
  if (isWrong) throw new SetupError(`vnet: ${file} is not for musl alone: it needs ${needed.join(', ')}`)
  const symbols = text => [...text.matchAll(/^\s*(?:[0-9a-f]+ )?[A-Z] (\S+)$/gm)].map(([, name]) => name)
  const inMusl = new Set(symbols(await read('nm', '-D', '--defined-only', join(LIBRARIES, 'libc.so'))))
  const wanted = symbols(await read('nm', '-D', '--undefined-only', file))
  const missing = wanted.filter(name => !inMusl.has(name) && !/^(napi|node|uv)_/.test(name))
  if (missing.length > 0) throw new SetupError(`vnet: ${file} needs ${missing.join(', ')}, which musl lacks`)
}

async function read(program, ...args) {
  const { code, output } = await capture(program, args)
  if (code !== 0) throw new SetupError(`vnet: ${program} ${args.join(' ')}: ${output.trim()}`)
  return output.trim()
}
