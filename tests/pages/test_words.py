from bloodcells.pages.words import hardware

CPU = {"cores": 1, "cpu": "Invented CPU", "accelerators": []}


def test_a_run_names_every_machine_that_it_went_on_on() -> None:
    gpu = {"cores": 16, "cpu": "Another", "accelerators": ["gpu:0"]}
    assert hardware(CPU) == "1 core (Invented CPU), no GPU"
    continued = {**CPU, "continued": [{"after_epoch": 2, **CPU}, {"after_epoch": 3, **gpu}]}
    assert hardware(continued) == "1 core (Invented CPU), no GPU, then on 16 cores (Another), 1 GPU"
