/**
 * node scripts/setup.mjs [--programs] [--types] [--test] [--long] [--containers] [--labs]
 * [--browsers] [--explore] [--kernel-module] [--install] [--run] [--guest] [--card] [--stacks]:
 * makes a clone runnable, in the steps that are due. `--programs` also builds the programs in C++;
 * vnet itself uses it when it needs one. `--types` also checks the types of all sources. `--test`
 * also makes both, and installs what the tests start, `--long` what the long tests start. The other
 * options install what these folders of test/ start. The steps are named in a line on stderr, then
 * each has one with its time when it ends; without a step that is due it prints nothing. A failure
 * is one line on stderr with what to do about it, and exit code 1. Off Linux it installs no
 * programs and builds no addon.
 *
 * This file holds only the checks that an old Node must be able to run: it must parse on Node 12,
 * so no `node:` imports, no top-level await, nothing newer than ES2019. The work itself is loaded
 * once Node is known to be new enough.
 */

const oldest = [20, 19]

/** Why vnet cannot be set up with this Node version ('v20.19.0'), or undefined. */
function obstacle(version) {
  const [major, minor] = version.slice(1).split('.').map(Number)
  if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) return undefined
  return `vnet needs Node ${oldest.join('.')} or newer, this is ${version}: see https://nodejs.org/en/download`
}

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exitCode = 1
}

const found = obstacle(process.version)
if (found !== undefined) {
  fail(found)
} else {
  import('./setup/main.mjs')
    .then(main => {
      const has = option => process.argv.includes(option)
      const folders = [
        'containers',
        'labs',
        'browsers',
        'explore',
        'kernel-module',
        'install',
        'run',
        'packages',
        'guest',
        'card',
        'stacks',
      ]
      const own = folders.filter(folder => has(`--${folder}`))
      return main.setUp({
        programs: has('--programs'),
        types: has('--types'),
        testTools: has('--test'),
        long: has('--long'),
        own,
      })
    })
    .catch(error => fail(error.advice ? error.message : error.stack))
}
