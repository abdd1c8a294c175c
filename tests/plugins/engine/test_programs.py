"""How programs are started, what they see, and how they fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.engine import Engine

pytestmark = pytest.mark.engine


def test_an_exception_is_a_traceback_of_the_users_frames_only(engine: Engine) -> None:
    project = engine.project("""
        import helper
        helper.divide(0)
    """)
    project.program("def divide(by):\n    return 1 / by\n", path="helper.py")
    result = project.preview().failed(
        "Program failed with an unhandled exception", "ZeroDivisionError", "helper.py"
    )
    for frame in ("runpy", "program.py", "run_until_complete", "stack.py"):
        assert frame not in result.text
    assert "non-zero exit code" not in result.text


def test_an_exception_in_an_apply_fails_the_update(engine: Engine) -> None:
    project = engine.project("""
        from tests.support.lab import Record
        Record("a").uid.apply(lambda uid: uid.nonsense)
    """)
    project.up().failed("AttributeError", "nonsense")
    assert set(project.resources()) == {"a"}


def test_a_run_error_is_its_message_alone(engine: Engine) -> None:
    project = engine.project("""
        import pulumi
        raise pulumi.RunError("stacks/config/dev.yaml: quota.cpu: -1 is below 0")
    """)
    result = project.preview().failed("error: stacks/config/dev.yaml: quota.cpu: -1 is below 0")
    assert "Traceback" not in result.text
    assert "non-zero exit code" not in result.text


def test_a_syntax_error_names_file_and_line(engine: Engine) -> None:
    project = engine.project("import pulumi\nfor = 3\n")
    project.preview().failed("SyntaxError", "__main__.py", "line 2")


def test_a_missing_module_is_named(engine: Engine) -> None:
    engine.project("import nowhere_to_be_found\n").preview().failed(
        "ModuleNotFoundError: No module named 'nowhere_to_be_found'"
    )


def test_a_program_folder_without_main_is_named(engine: Engine) -> None:
    project = engine.project(settings={"main": "stacks"})
    (project.root / "stacks").mkdir()
    project.preview().failed("__main__.py", str(project.root / "stacks"))


def test_exit_codes_of_a_program(engine: Engine) -> None:
    engine.project("import sys\nsys.exit(3)\n").preview().failed("program exited with non-zero exit code: 3")


def test_output_of_a_program_is_shown(engine: Engine) -> None:
    project = engine.project("""
        import sys, pulumi
        print("to stdout")
        print("to stderr", file=sys.stderr)
        pulumi.log.warn("a warning")
    """)
    text = project.preview().ok().text
    for words in ("to stdout", "to stderr", "warning: a warning"):
        assert words in text


def test_what_a_program_sees(engine: Engine) -> None:
    project = engine.project("""
        import os, sys, pulumi
        pulumi.export("cwd", os.getcwd())
        pulumi.export("here", sys.path[0])
        pulumi.export("facts", [pulumi.get_project(), pulumi.get_stack(), pulumi.get_organization()])
        pulumi.export("root", pulumi.runtime.get_root_directory())
        pulumi.export("dry", pulumi.runtime.is_dry_run())
        pulumi.export("name", __name__)
    """)
    project.up().ok()
    root = str(project.root)
    assert project.outputs() == {
        "cwd": root,
        "here": root,
        "facts": ["bench", "dev", "organization"],
        "root": root,
        "dry": False,
        "name": "__main__",
    }


def test_main_folder_dotted_stack_and_config_folder(engine: Engine) -> None:
    project = engine.project(
        settings={"main": "stacks", "stackConfigDir": "stacks/config"}, stack="prod.acme"
    )
    project.program(
        """
        import pulumi
        pulumi.export("tenant", pulumi.Config().require_object("tenant"))
        pulumi.export("stack", pulumi.get_stack())
        """,
        path="stacks/__main__.py",
    )
    config = project.root / "stacks" / "config" / "Pulumi.prod.acme.yaml"
    config.write_text(
        config.read_text() + "config:\n  bench:tenant: {id: acme, quota: {cpu: 4}, zones: [a, b]}\n"
    )
    project.up().ok()
    assert project.outputs() == {
        "tenant": {"id": "acme", "quota": {"cpu": 4}, "zones": ["a", "b"]},
        "stack": "prod.acme",
    }


def test_structured_configuration_by_path(engine: Engine) -> None:
    project = engine.project("""
        import pulumi
        config = pulumi.Config()
        pulumi.export("list", config.require_object("list"))
        pulumi.export("flag", config.require_bool("flag"))
        pulumi.export("other", pulumi.Config("other").require_int("number"))
        config.require("absent")
    """)
    project.config("list[0].name", "x", "--path")
    project.config("flag", "true")
    project.config("other:number", "7")
    project.preview().failed("Missing required configuration variable 'bench:absent'")
    main = project.root / "__main__.py"
    main.write_text(main.read_text().replace('config.require("absent")', ""))
    project.up().ok()
    assert project.outputs() == {"list": [{"name": "x"}], "flag": True, "other": 7}


def test_the_virtualenv_option_is_relative_to_the_project(engine: Engine) -> None:
    project = engine.project(
        "import sys, pulumi\npulumi.export('prefix', sys.prefix)\n", options={"virtualenv": "env"}
    )
    project.preview().failed("virtualenv", str(project.root / "env"), "uv sync")
    command = [sys.executable, "-m", "venv", "--without-pip", "--symlinks", "env"]
    subprocess.run(command, cwd=project.root, check=True)
    project.preview().failed("No module named 'pulumi'", "uv sync")
    site = next((project.root / "env" / "lib").glob("python3*/site-packages"))
    (site / "borrowed.pth").write_text(f"{Path(os.__file__).parent}\n{_packages()}\n")
    project.up().ok()
    assert project.outputs() == {"prefix": str(project.root / "env")}


def test_an_unknown_toolchain_is_refused(engine: Engine) -> None:
    engine.project(options={"toolchain": "conda"}).preview().failed("'conda' is not one of pip, poetry, uv")


def test_about_names_interpreter_and_packages(engine: Engine) -> None:
    about = engine.project().run("about").ok().text
    assert sys.executable in about
    assert "toolchain='pip'" in about
    assert "language  python" in about


def test_nothing_is_downloaded_and_a_missing_provider_is_named_at_its_first_use(engine: Engine) -> None:
    project = engine.project("""
        import pulumi
        pulumi.CustomResource("nowhere:index:Thing", "a")
    """)
    project.environ.pop("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION")
    project.environ["HTTPS_PROXY"] = "http://127.0.0.1:9"  # whoever dials out fails at once, and says so
    result = project.preview().failed("nowhere")
    assert "openstack" not in result.text
    project.program("import pulumi\n")
    result = project.preview().ok()
    assert "127.0.0.1:9" not in result.text


def _packages() -> Path:
    import pulumi

    return Path(pulumi.__file__).resolve().parents[1]
