# node-gyp reads it in a clone. The package has only native/binding.gyp: npm, pnpm and yarn would
# compile a package with this file when they install from a lockfile.
{ 'includes': ['native/binding.gyp'] }
