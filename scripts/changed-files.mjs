/** The files that the formatter and linter check in a quick run. */

import { execFileSync } from 'node:child_process'

/** Files with the rules of biome: a change may concern every file. */
const RULES = /^(biome\.json|package-lock\.json|\.gitignore|scripts\/lint\/.*)$/

/**
 * Returns the files that differ from the last commit that the upstream branch has too, new ones
 * included. The current branch has an upstream branch, or the remote's default counts as one.
 * Returns undefined if all files must be checked: in CI, in a shallow clone, without git or an
 * upstream branch, and after a change of the rules.
 */
export function changedFiles(root, { CI } = process.env) {
  if (CI) return undefined
  const git = (...args) =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  try {
    // A tree without .git may be inside another repository, which may ignore it.
    const facts = git('rev-parse', '--show-prefix', '--is-shallow-repository')
    if (facts !== '\nfalse\n') return undefined
    const base = git('merge-base', 'HEAD', upstream(git)).trim()
    const changed = git('diff', '--name-only', '--no-renames', '--diff-filter=d', '-z', base)
    const added = git('ls-files', '--others', '--exclude-standard', '-z')
    const names = `${changed}${added}`.split('\0').filter(Boolean)
    return names.some(name => RULES.test(name)) ? undefined : [...new Set(names)]
  } catch {
    return undefined
  }
}

/** Returns the full name of the upstream branch. A local branch does not count. */
function upstream(git) {
  for (const name of ['@{upstream}', 'origin/HEAD']) {
    try {
      const found = git('rev-parse', '--symbolic-full-name', '--verify', '--quiet', name).trim()
      if (found.startsWith('refs/remotes/')) return found
    } catch {
      // The next one.
    }
  }
  throw new Error('no upstream branch')
}
