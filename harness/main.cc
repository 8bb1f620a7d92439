// ryz-lab: parses the command line, runs one command, turns what went wrong into one clear error
// and a fixed exit code.
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>

#include "harness/cli/commands.h"
#include "harness/cli/config.h"
#include "harness/cli/flags.h"
#include "harness/cli/help.h"
#include "harness/measure/build_info.h"
#include "harness/measure/machine.h"
#include "harness/plan/axes.h"
#include "harness/plan/usage_error.h"
#include "kernels/catalogue.h"
#include "model/errors.h"
#include "model/mapped_file.h"
#include "reports/error.h"

namespace {

volatile std::sig_atomic_t interrupts = 0;

// Once: the sample in hand is finished and a partial report written. Twice: stop at once.
void on_interrupt(int signal) {
  interrupts = interrupts + 1;
  if (interrupts > 1) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
}

// A model file that became shorter under our hands. In a signal handler: write() and nothing else.
void on_lost_pages_of(const char* path) {
  const auto say = [](const char* text) {
    const ssize_t ignored = write(STDERR_FILENO, text, std::strlen(text));
    static_cast<void>(ignored);
  };
  say("error: ");
  say(path);
  say(": changed or became unreadable while it was in use\nryz-lab: verdict=input exit=5\n");
  _exit(ryz::kExitInputOutput);
}

bool was_interrupted() { return interrupts > 0; }

unsigned terminal_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40) return size.ws_col;
  return isatty(STDOUT_FILENO) == 1 ? 80 : 120;
}

// `when`: auto, always or never. See https://no-color.org.
bool wants_color(const std::string& when) {
  if (when != "auto") return when == "always";
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0') &&
         (terminal == nullptr || std::string_view(terminal) != "dumb");
}

int finish(const std::string& verdict, int code) {
  fmt::print(stderr, "ryz-lab: verdict={} exit={}\n", verdict, code);
  return code;
}

int fail(const std::string& message, const char* verdict, int code) {
  const char* title = message.rfind("error", 0) == 0 ? "" : "error: ";
  winsize size{};
  const bool terminal = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40;
  try {
    const std::string text = title + message;
    std::fputs((terminal ? ryz::fit_error(text, size.ws_col) : text).c_str(), stderr);
  } catch (...) {  // no memory to break lines with
    std::fputs(title, stderr);
    std::fputs(message.c_str(), stderr);
  }
  std::fputc('\n', stderr);
  return finish(verdict, code);
}

// What is wrong with a line on which no command was found.
std::string bad_command(const CLI::App& app, const std::vector<std::string>& argv,
                        const std::string& otherwise) {
  if (argv.size() < 2) return "a command is required";
  if (argv[1].rfind('-', 0) == 0) return otherwise;
  std::vector<std::string> commands;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    commands.push_back(sub->get_name());
  }
  const std::string near = ryz::nearest_name(argv[1], commands);
  return fmt::format("unknown command {}{}", argv[1],
                     near.empty() ? "" : fmt::format(", did you mean {}?", near));
}

// What is wrong with an argument that the command does not know, with the flag that was most likely
// meant.
std::string unexpected(const CLI::App& command, const std::string& what) {
  const std::size_t begin = what.find("--");
  if (begin == std::string::npos) return what;
  std::string name = what.substr(begin + 2);
  name = name.substr(0, name.find_first_of("= \"]"));
  std::vector<std::string> known;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& other : option->get_lnames()) known.push_back(other);
  }
  const std::string near = ryz::nearest_name(name, known);
  if (near.empty()) return what;
  return fmt::format("`{}` has no flag --{}, did you mean --{}?", command.get_name(), name, near);
}

std::string version_text() {
  const ryz::BuildInfo& b = ryz::build_info;
  return fmt::format("ryz-lab {}\ncommit   {}{}\nbuild    {}, {}{}{}\nflags    {}\nopenmp   {}",
                     b.version, *b.git_sha ? b.git_sha : "unknown (built outside a checkout)",
                     b.git_dirty ? ", with changes" : "", b.type, b.compiler,
                     *b.sanitizers ? ", sanitizers " : "", b.sanitizers, b.flags, b.openmp_runtime);
}

int run(int argc, char** argv) {
  using namespace ryz;
  machine_topology();  // before anything is pinned
  Context context;
  context.catalogue = &built_in_catalogue();
  context.argv.assign(argv, argv + argc);
  context.typed = context.argv;
  context.interrupted = was_interrupted;
  context.width = terminal_width();
  context.color = wants_color("auto");

  CLI::App app{"Investigates the performance of ternary matrix products on this CPU.", "ryz-lab"};
  app.require_subcommand(1);
  app.formatter(help_formatter(context.width));  // subcommands inherit it
  app.set_version_flag("--version", version_text, "Version, commit and how it was built");
  app.footer(
      "Exit codes: 0 ok, 1 gate failed, 2 usage, 3 not comparable, 4 wrong result, 5 input or\n"
      "output, 6 gate too weak or unclear, 7 this machine or build cannot, 8 incomplete,\n"
      "130 interrupted. Results go to stdout, everything else to stderr.\n"
      "Examples (`ryz-lab COMMAND --help` has more):\n"
      "  ryz-lab diagnose --html report.html\n"
      "  ryz-lab sweep --grain 1,4,16\n"
      "  ryz-lab compare base.json new.json");
  std::string without;
  app.add_option("--without", without, "Instruction sets to do without, e.g. avx512f,avx2")
      ->envname("RYZ_LAB_WITHOUT")
      ->each([](const std::string& list) { apply_without(list); });
  std::string color = "auto";
  app.add_option("--color", color, "auto (terminals, unless NO_COLOR is set), always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->capture_default_str()
      ->each([&context](const std::string& when) { context.color = wants_color(when); });
  add_diagnose(app, context);
  add_sweep(app, context);
  add_run(app, context);
  add_compare(app, context);
  add_list(app, context);
  add_verify(app, context);
  add_eval(app, context);
  add_info(app, context);
  add_export(app, context);
  add_bench(app, context);
  add_report(app, context);
  add_schema(app, context);
  add_completion(app, context);
  // `ryz-lab report r.json --color always` is where one writes it.
  for (CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    sub->fallthrough();
  }

  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
  on_lost_pages(on_lost_pages_of);
  try {
    context.argv = with_config(context.typed, app);
    std::vector<const char*> arguments;
    for (const std::string& argument : context.argv) arguments.push_back(argument.c_str());
    app.parse(static_cast<int>(arguments.size()), arguments.data());
  } catch (const CLI::Success& e) {
    app.exit(e);
    return kExitOk;
  } catch (const CLI::ParseError& e) {
    std::string command = "ryz-lab";
    for (const CLI::App* sub : app.get_subcommands()) command += " " + sub->get_name();
    const bool bare = command == "ryz-lab";
    std::string what = bare ? bad_command(app, context.argv, e.what()) : e.what();
    if (!bare && e.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError)) {
      what = unexpected(*app.get_subcommands().front(), what);
    }
    return fail(fmt::format("{}\n  help: `{} --help` lists the {}", what, command,
                            bare ? "commands" : "flags"),
                "usage", kExitUsage);
  } catch (const UsageError& e) {
    return fail(e.format(), "usage", kExitUsage);
  } catch (const EnvironmentError& e) {
    return fail(e.what(), "environment", kExitEnvironment);
  } catch (const InputError& e) {
    return fail(e.what(), "input", kExitInputOutput);
  } catch (const report::ReportError& e) {
    return fail(e.what(), "input-output", kExitInputOutput);
  } catch (const std::bad_alloc&) {
    return fail("not enough memory for this model on this machine", "environment",
                kExitEnvironment);
  } catch (const std::exception& e) {
    return fail(e.what(), "error", kExitEnvironment);
  }
  return finish(context.verdict, context.exit_code);
}

}  // namespace

// run() catches what commands throw; what setting them up throws, for want of memory, ends here.
int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (...) {
    std::fputs("error: could not start\nryz-lab: verdict=error exit=7\n", stderr);
    return ryz::kExitEnvironment;
  }
}
