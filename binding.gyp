# The addon: build/Release/vnet.node. One build serves every Node with Node-API 9; it uses no C++
# exceptions and no RTTI. And build/Release/vnet-launch, by which `vnet exec` starts a program, and
# vnet-rootless, by which vnet runs without root.
{
  'targets': [
    {
      'target_name': 'vnet',
      'sources': [
        'native/addon.cc', 'native/batch.cc', 'native/poller.cc', 'native/privileges.cc', 'native/rx-action.cc',
        'native/supervise.cc', 'native/sys.cc',
      ],
      'include_dirs': ['<!@(node -p "require(\'node-addon-api\').include")'],
      'defines': ['NAPI_VERSION=9', 'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': ['-std=c++20', '-Wall', '-Wextra', '-Werror', '-fvisibility=hidden'],
      'configurations': {
        # Built by scripts/sanitize.mjs only, in a directory of its own.
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
      # Nothing of Node's headers is needed, but gyp gives them to every target.
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': ['-std=c++20', '-Wall', '-Wextra', '-Werror'],
    },
    {
      'target_name': 'vnet-rootless',
      'type': 'executable',
      'sources': ['native/rootless.cc'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': ['-std=c++20', '-Wall', '-Wextra', '-Werror'],
    },
  ],
}
