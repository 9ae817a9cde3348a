"""Where the functions host looks for functions: at the top of the deployed folder, under this name."""  # noqa: INP001

from infra.hosts.function_app import function_app

app = function_app()
