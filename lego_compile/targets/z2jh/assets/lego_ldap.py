# The password of the hub's account at the directory, from the Secret that `hub.extraEnv` names.
# The same for every centre.
import os

c.LDAPAuthenticator.lookup_dn_search_password = os.environ["LDAP_SEARCH_PASSWORD"]
