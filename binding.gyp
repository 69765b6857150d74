# Builds, in build/Release: the addon vnet.node, which runs on every Node with Node-API 9 and uses
# neither C++ exceptions nor RTTI; vnet-launch, with which `vnet exec` starts a program;
# vnet-rootless, with which vnet runs without root; vnet-within, with which the test kit starts
# programs in a namespace; vnet-clock.so, with which it sets the clock of programs; vnet-cni, the CNI
# plugin of `vnet node`; and vnet-guest, the first program of a virtual machine.
{
  'targets': [
    {
      'target_name': 'vnet',
      'sources': [
        'native/addon.cc', 'native/aside.cc', 'native/batch.cc', 'native/poller.cc',
        'native/privileges.cc', 'native/rx-action.cc', 'native/supervise.cc', 'native/sys.cc',
      ],
      'include_dirs': ['<!@(node -p "require(\'node-addon-api\').include")'],
      # A worker may be terminated while it loads the addon, and then nothing can be thrown there.
      'defines': ['NAPI_VERSION=9', 'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS', 'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': ['-std=c++20', '-Wall', '-Wextra', '-Werror', '-fvisibility=hidden'],
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
      'sources': ['native/launcher.cc'],
      # gyp passes Node's flags to every target.
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': ['-std=c++20', '-Wall', '-Wextra', '-Werror'],
    },
    {
      'target_name': 'vnet-rootless',
      'type': 'executable',
      'sources': [
        'native/remove-after.cc', 'native/rootless.cc', 'native/rootless-confine.cc', 'native/rootless-ids.cc', 'native/rootless-mounts.cc', 'native/rootless-refusal.cc',
        'native/rootless-tcpdump.cc', 'native/syn.cc', 'native/sys-mount.cc', 'native/tcp-out.cc', 'native/way-out.cc',
      ],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': ['-std=c++20', '-Wall', '-Wextra', '-Werror'],
    },
    {
      'target_name': 'vnet-cni',
      'type': 'executable',
      'sources': ['native/cni.cc'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': ['-std=c++20', '-Wall', '-Wextra', '-Werror'],
      # It runs on hosts with another libc. Fedora and others need glibc-static for that.
      # Without unused sections, the package with both targets has at most 3 MB.
      'ldflags': ['<!(echo "int main(){}" | ${CXX:-c++} -x c++ - -static -o /dev/null 2>/dev/null && echo -static || echo -s)', '-Wl,--gc-sections'],
    },
    {
      'target_name': 'vnet-guest',
      'type': 'executable',
      'sources': ['native/guest.cc', 'native/guest-files.cc', 'native/guest-mail.cc', 'native/guest-modules.cc', 'native/guest-usage.cc'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': ['-std=c++20', '-Wall', '-Wextra', '-Werror'],
      # It starts before there are libraries, and needs glibc-static as vnet-cni does.
      'ldflags': ['<!(echo "int main(){}" | ${CXX:-c++} -x c++ - -static -o /dev/null 2>/dev/null && echo -static || echo -s)', '-Wl,--gc-sections'],
    },
    {
      'target_name': 'vnet-within',
      'type': 'executable',
      'sources': ['native/within.cc', 'native/alone.cc', 'native/host-disk.cc', 'native/host-enter.cc', 'native/host-init.cc', 'native/stopped.cc', 'native/sys-mount.cc'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': ['-std=c++20', '-Wall', '-Wextra', '-Werror'],
    },
    {
      'target_name': 'vnet-clock',
      'type': 'shared_library',
      'product_prefix': '',
      'product_dir': '<(PRODUCT_DIR)',
      'sources': ['native/clock.cc'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      # Without libstdc++, which a program need not have.
      'cflags_cc': ['-std=c++20', '-Wall', '-Wextra', '-Werror', '-fvisibility=hidden', '-fno-threadsafe-statics'],
      'ldflags': ['-Wl,--as-needed', '-static-libgcc'],
    },
  ],
}
