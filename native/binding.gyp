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
        'addon.cc', 'aside.cc', 'batch.cc', 'poller.cc',
        'privileges.cc', 'rx-action.cc', 'supervise.cc', 'sys.cc',
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
      'sources': ['launcher.cc'],
      # gyp passes Node's flags to every target.
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': ['-std=c++20', '-Wall', '-Wextra', '-Werror'],
    },
    {
      'target_name': 'vnet-rootless',
      'type': 'executable',
      'sources': [
        'remove-after.cc', 'rootless.cc', 'rootless-confine.cc', 'rootless-ids.cc', 'rootless-mounts.cc', 'rootless-refusal.cc',
        'rootless-tcpdump.cc', 'syn.cc', 'sys-mount.cc', 'tcp-out.cc', 'way-out.cc',
      ],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': ['-std=c++20', '-Wall', '-Wextra', '-Werror'],
    },
    {
      'target_name': 'vnet-cni',
      'type': 'executable',
      'sources': ['cni.cc'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': ['-std=c++20', '-Wall', '-Wextra', '-Werror'],
      # It runs on hosts with another libc. Fedora and others need glibc-static for that.
      # Without unused sections, the package with both targets has at most 3 MB.
      'ldflags': ['<!(echo "int main(){}" | ${CXX:-c++} -x c++ - -static -o /dev/null 2>/dev/null && echo -static || echo -s)', '-Wl,--gc-sections'],
    },
    {
      'target_name': 'vnet-guest',
      'type': 'executable',
      'sources': ['guest.cc', 'guest-files.cc', 'guest-mail.cc', 'guest-modules.cc', 'guest-usage.cc'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': ['-std=c++20', '-Wall', '-Wextra', '-Werror'],
      # It starts before there are libraries, and needs glibc-static as vnet-cni does.
      'ldflags': ['<!(echo "int main(){}" | ${CXX:-c++} -x c++ - -static -o /dev/null 2>/dev/null && echo -static || echo -s)', '-Wl,--gc-sections'],
    },
    {
      'target_name': 'vnet-within',
      'type': 'executable',
      'sources': ['within.cc', 'alone.cc', 'host-disk.cc', 'host-enter.cc', 'host-init.cc', 'stopped.cc', 'sys-mount.cc'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': ['-std=c++20', '-Wall', '-Wextra', '-Werror'],
    },
    {
      'target_name': 'vnet-clock',
      'type': 'shared_library',
      'product_prefix': '',
      'product_dir': '<(PRODUCT_DIR)',
      'sources': ['clock.cc'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      # Without libstdc++, which a program need not have.
      'cflags_cc': ['-std=c++20', '-Wall', '-Wextra', '-Werror', '-fvisibility=hidden', '-fno-threadsafe-statics'],
      'ldflags': ['-Wl,--as-needed', '-static-libgcc'],
    },
  ],
}
