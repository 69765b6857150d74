/**
 * node scripts/prepack.mjs: run by `npm pack` and `npm publish`. The package contains the prebuilt
 * files for this machine, and the files that scripts/prebuild.mjs has built for others.
 */

import { prebuild } from './prebuild.mjs'
import { OWN } from './setup/prebuilds.mjs'

await prebuild([OWN])
