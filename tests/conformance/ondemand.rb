# What Open OnDemand does with an interactive app, without its pages: reads the form, asks submit.yml.erb for the job,
# renders the template, and later the view. Rails' helpers are not needed by what the app uses.
# OSC/ondemand:apps/dashboard/app/models/batch_connect/{app,session,session_context}.rb, lib/smart_attributes/attribute.rb
require "erb"
require "fileutils"
require "json"
require "ostruct"
require "pathname"
require "yaml"

Attribute = Struct.new(:id, :value)

# The answers to the form: each is a method, and they can be walked.
class Context
  include Enumerable

  def initialize(answers)
    @attributes = answers.map { |id, value| Attribute.new(id, value.to_s) }
  end

  def each(&block)
    @attributes.each(&block)
  end

  def method_missing(name, *arguments)
    found = @attributes.find { |each| each.id == name.to_s }
    found ? found.value : super
  end

  def respond_to_missing?(name, all = false)
    @attributes.any? { |each| each.id == name.to_s } || super
  end
end

Template = Struct.new(:session, :context) do
  def scope
    binding
  end
end

def render(path, scope)
  erb = ERB.new(path.read, trim_mode: "-")
  erb.filename = path.to_s
  erb.result(scope)
end

def submitted(root, answers)
  taken = OpenStruct.new.methods & answers.keys.map(&:to_sym)
  raise "names of Ruby's own: #{taken}" unless taken.empty?

  scope = OpenStruct.new(answers).instance_eval { binding }
  YAML.safe_load(render(root.join("submit.yml.erb"), scope))
end

def staged(root, answers, folder)
  FileUtils.cp_r("#{root}/template/.", folder, preserve: true)
  session = OpenStruct.new(id: "1", staged_root: Pathname.new(folder), app: OpenStruct.new(root: root))
  Pathname.glob("#{folder}/**/*.erb").each do |file|
    text = ERB.new(file.read, trim_mode: "-").result(Template.new(session, Context.new(answers)).scope)
    file.rename(file.sub_ext(""))
    file.sub_ext("").write(text)
  end
end

asked = JSON.parse($stdin.read)
root = Pathname.new(asked["root"])
answer =
  begin
    case asked["what"]
    when "read" then { manifest: YAML.safe_load(root.join("manifest.yml").read), form: YAML.safe_load(root.join("form.yml").read) }
    when "view"
      connection = OpenStruct.new(YAML.safe_load(Pathname.new(asked["connection"]).read))
      scope = connection.instance_eval { binding }
      { view: ERB.new(root.join("view.html.erb").read, trim_mode: "-").result(scope) }
    when "start"
      job = submitted(root, asked["answers"]) # nothing is staged for a job that is refused
      staged(root, asked["answers"], asked["folder"])
      { job: job }
    end
  rescue StandardError => e
    { error: e.message, kind: e.class.name }
  end
puts JSON.generate(answer)
