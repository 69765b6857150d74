/** Bundles the runner of the cases and, apart from it, the stack with a mutation. */
import { join, relative } from 'node:path'
import { rolldown } from 'rolldown'
import { sources } from '../../../../scripts/course-bundle.mjs'
import { mutatedFiles, root } from './mutations.mjs'

const RUNNER = join(import.meta.dirname, 'runner.ts')
const STACK = join(root, 'packages/inet/test/tcp-conformance/memory-world.ts')

/** Writes the runner to a file. Its modules are its own: mutations do not change them. */
export const bundleRunner = file => bundle(file, RUNNER)

/** Writes a host in memory to a file, with a mutation if one is given. */
export async function bundleStack(file, mutation) {
  const changed =
    mutation === undefined || mutation.edits.length === 0 ? new Map() : mutatedFiles(mutation)
  const modules = await bundle(file, STACK, changed)
  for (const path of changed.keys()) {
    if (!modules.includes(path)) {
      throw new Error(`mutation ${mutation.name}: the stack does not use ${relative(root, path)}`)
    }
  }
}

/** Bundles an entry, with other texts for some files. Returns the paths of its files. */
async function bundle(file, entry, texts = new Map()) {
  const made = await rolldown({
    input: entry,
    cwd: root,
    platform: 'node',
    plugins: [
      {
        name: 'src',
        resolveId: id => (id.startsWith('#src/') ? join(root, 'src', id.slice(5)) : undefined),
      },
      sources,
      { name: 'mutation', load: id => texts.get(id) },
    ],
    onLog(_level, { code, message }) {
      if (code === 'UNRESOLVED_IMPORT' || code === 'PARSE_ERROR') throw new Error(message)
    },
  })
  try {
    const { output } = await made.write({ file, codeSplitting: false })
    return output.flatMap(({ moduleIds = [] }) => moduleIds)
  } finally {
    await made.close()
  }
}
