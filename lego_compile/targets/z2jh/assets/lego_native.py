# The pages of NativeAuthenticator, with links to where administrators let people in and passwords are changed.
# The same for every centre.
import os

import nativeauthenticator

c.JupyterHub.template_paths.insert(
    0, os.path.join(os.path.dirname(nativeauthenticator.__file__), "templates")
)
