# Builds, in build/Release, a target of each folder: the addon vnet.node, which runs on every Node
# with Node-API 9 and uses neither C++ exceptions nor RTTI; vnet-launch, with which `vnet exec`
# starts a program; vnet-rootless, with which vnet runs without root; vnet-within, with which the
# test kit starts programs in a namespace; vnet-clock.so, with which it sets the clock of programs;
# vnet-cni, the CNI plugin of `vnet node`; and vnet-guest, the first program of a virtual machine.
{
  'target_defaults': {
    # What several targets use is beside their folders.
    'include_dirs': ['.'],
    # gyp passes Node's flags to every target.
    'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
    'cflags_cc': ['-std=c++20', '-Wall', '-Wextra', '-Werror'],
  },
  'targets': [
    {
      'target_name': 'vnet',
      'sources': ['addon/all.cc'],
      'include_dirs': ['<!@(node -p "require(\'node-addon-api\').include")'],
      # A worker may be terminated while it loads the addon, and then nothing can be thrown there.
      'defines': ['NAPI_VERSION=9', 'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS', 'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS'],
      'cflags_cc': ['-fvisibility=hidden'],
      'configurations': {
        # Built only by scripts/sanitize.mjs, in a separate directory.
        'Debug': {
          'cflags_cc': ['-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=undefined', '-fno-omit-frame-pointer'],
          'ldflags': ['-fsanitize=address,undefined'],
        },
      },
    },
    {
      'target_name': 'vnet-launch',
      'type': 'executable',
      'sources': ['launch/launcher.cc'],
    },
    {
      'target_name': 'vnet-rootless',
      'type': 'executable',
      'sources': ['rootless/all.cc'],
    },
    {
      'target_name': 'vnet-cni',
      'type': 'executable',
      'sources': ['cni/cni.cc'],
      # It runs on hosts with another libc. Fedora and others need glibc-static for that.
      # Without unused sections, the package with both targets has at most 3 MB.
      'ldflags': ['<!(echo "int main(){}" | ${CXX:-c++} -x c++ - -static -o /dev/null 2>/dev/null && echo -static || echo -s)', '-Wl,--gc-sections'],
    },
    {
      'target_name': 'vnet-guest',
      'type': 'executable',
      'sources': ['guest/all.cc'],
      # It starts before there are libraries, and needs glibc-static as vnet-cni does.
      'ldflags': ['<!(echo "int main(){}" | ${CXX:-c++} -x c++ - -static -o /dev/null 2>/dev/null && echo -static || echo -s)', '-Wl,--gc-sections'],
    },
    {
      'target_name': 'vnet-within',
      'type': 'executable',
      'sources': ['within/all.cc'],
    },
    {
      'target_name': 'vnet-clock',
      'type': 'shared_library',
      'product_prefix': '',
      'product_dir': '<(PRODUCT_DIR)',
      'sources': ['clock/clock.cc'],
      # Without libstdc++, which a program need not have.
      'cflags_cc': ['-fvisibility=hidden', '-fno-threadsafe-statics'],
      'ldflags': ['-Wl,--as-needed', '-static-libgcc'],
    },
  ],
}
