-- Compiled by lego-compile from the centre specification: edit that, not this file.
local profile = {
  slug = "main",
  title = "Main",
  root = "/opt/lego/case",
  programs = {
    {
      name = "ocean-python",
      brick = "ocean",
      title = "Ocean",
      offered = false,
      program = "python",
    },
    {
      name = "climate-python",
      brick = "climate",
      title = "Climate",
      offered = true,
      program = "python",
    },
    {
      name = "geo-python",
      brick = "geo",
      title = "Geo",
      offered = true,
      program = "python",
    },
  },
}

local lines = {
  "lego/" .. profile.slug .. ": " .. profile.title,
  "",
  "  lego-launch                   JupyterLab on this machine",
  "  lego-launch -- COMMAND ...    any command in the session; with --in BRICK before --, in a brick",
  "  lego-launch --list            the profiles, and the bricks that -b adds",
}
for _, program in ipairs(profile.programs) do
  lines[#lines + 1] = "  " .. program.name .. " ...    in brick " .. program.brick .. ": " .. program.title
end
help(table.concat(lines, "\n"))
whatis("Name: lego/" .. profile.slug)
whatis("Description: " .. profile.title)

family("lego")
prepend_path("PATH", pathJoin(profile.root, "bin"))
prepend_path("JUPYTER_PATH", pathJoin(profile.root, "kernels", profile.slug))
setenv("LEGO_PROFILE", profile.slug)
local shell = myShellName()
for _, program in ipairs((shell == "sh" or shell == "ksh") and {} or profile.programs) do -- which know no such names
  local words = { pathJoin(profile.root, "bin/lego-launch"), "-c", profile.slug }
  if program.offered then
    words[#words + 1] = "-b " .. program.brick
  end
  words[#words + 1] = "--in " .. program.brick .. " -- " .. program.program
  local line = table.concat(words, " ")
  set_shell_function(program.name, line .. ' "$@"', line .. " $*")
end
